import { readdir, readFile } from 'node:fs/promises';
import type { DashboardFiles } from '../http/dashboard-routes.ts';

/** Where the build puts it, seen from the sources as from what is made of them. */
const directory = new URL('../../dist/dashboard/', import.meta.url);

/**
 * The dashboard of this package.
 *
 * @returns undefined where it was not built, as in a checkout whose sources alone were compiled.
 */
export async function readDashboard(): Promise<DashboardFiles | undefined> {
  try {
    const page = await readFile(new URL('index.html', directory), 'utf8');
    const names = await readdir(new URL('assets/', directory));
    const texts = names.map(
      async (name) => [name, await readFile(new URL(`assets/${name}`, directory), 'utf8')] as const,
    );
    return { page, assets: new Map(await Promise.all(texts)) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
