import { z } from 'zod';
import { CubeError } from '../errors/cube-error.ts';
import { type AnyRoute, defineRoute, FullReply } from './route.ts';

/** The dashboard as it was built: a page, and what it is made of. */
export interface DashboardFiles {
  /** The HTML of the page. */
  readonly page: string;
  /** The text of each file below /assets, by its name, which changes with the text. */
  readonly assets: ReadonlyMap<string, string>;
}

/**
 * Nothing but files of this server, none of them written into the page, and no text that becomes
 * markup or script, whatever tasks are called and whatever they print.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const mediaTypes: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
};

/**
 * The dashboard's files. They are open, since they are the same everywhere and tell nothing; what
 * the page then asks for wants the token.
 */
export function dashboardRoutes({ page, assets }: DashboardFiles): readonly AnyRoute[] {
  const html = { description: 'The page.', mediaType: 'text/html', schema: z.string() };
  const file = { description: 'The file.', mediaType: 'text/plain', schema: z.string() };
  return [
    defineRoute({
      method: 'GET',
      path: '/',
      access: 'open',
      isPage: true,
      summary: 'The dashboard, for browsers; needs no token, but asks for it.',
      replies: { 200: html },
      handle: async () =>
        new FullReply(200, page, {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': PAGE_POLICY,
          // A site from which a link led here has no hold on the window.
          'cross-origin-opener-policy': 'same-origin',
        }),
    }),
    defineRoute({
      method: 'GET',
      path: '/assets/:file',
      access: 'open',
      summary: 'What the dashboard is made of.',
      params: { file: z.string() },
      replies: { 200: file },
      handle: async ({ params }) => {
        const text = assets.get(params.file);
        const type = mediaTypes[params.file.split('.').at(-1) ?? ''];
        if (text === undefined || type === undefined) {
          throw new CubeError('not-found', 'The dashboard has no such file.', {
            hint: 'Reload the page: it may be that of another version.',
          });
        }
        return new FullReply(200, text, {
          'content-type': type,
          'cache-control': 'max-age=31536000, immutable',
        });
      },
    }),
  ];
}
