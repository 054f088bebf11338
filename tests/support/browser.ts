import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { temporaryDirectory } from './temporary-directory.ts';

/** A browser of its own, which knows nothing and speaks to nobody but Cube. */
export interface Browser extends AsyncDisposable {
  /** A page that keeps what the browser complains of. */
  open(url: string, options?: PageOptions): Promise<OpenPage>;
}

interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colours?: 'light' | 'dark';
}

export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors and warnings of scripts, of the policy of the page, and of requests that failed. */
  readonly complaints: string[];
  /** Every host that the page has asked for anything. */
  readonly hosts: Set<string>;
}

/** How long a test waits for what must happen; far longer than it ever takes. */
const WAIT_MS = 20_000;

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function startBrowser(): Promise<Browser> {
  const directory = await temporaryDirectory();
  const context = await chromium.launchPersistentContext(join(directory.path, 'profile'), {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
  });
  return {
    open: (url, options) => openPage(context, url, options),
    async [Symbol.asyncDispose]() {
      await context.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function openPage(
  context: BrowserContext,
  url: string,
  { width = 1280, height = 900, colours = 'light' }: PageOptions = {},
): Promise<OpenPage> {
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: colours });
  await page.goto(url);
  return { page, complaints, hosts, [Symbol.asyncDispose]: () => page.close() };
}
