import { realpath, stat } from 'node:fs/promises';
import { CubeError } from '../../errors/cube-error.ts';
import type { Bind } from '../../task/volume.ts';
import type { BindMount } from './container-config.ts';
import type { DockerHost } from './docker-host.ts';

/** Never to be seen in a container: what is in them is the machine, or the way to rule it. */
const FORBIDDEN = [
  '/proc',
  '/sys',
  '/dev',
  '/etc',
  '/boot',
  '/var/lib/docker',
  '/var/run/docker.sock',
  '/run/containerd',
];

/**
 * Which folders of the machine a container may see: those below configured roots, and none that
 * holds, or is held by, a forbidden one. What counts is where a path leads when the container is
 * made, whatever links are in it; and that is what is mounted, so that a link changed afterwards
 * changes nothing. Whoever can put a link in the place of a folder on the resolved path, between
 * this look and the engine's, is not kept out: roots are for folders whose parents tasks cannot
 * write to.
 */
export class BindPolicy {
  readonly #roots: readonly string[];
  readonly #forbidden: readonly string[];
  readonly #isLocal: boolean;

  constructor(options: {
    readonly roots: readonly string[];
    readonly forbiddenPaths: readonly string[];
    readonly host: DockerHost;
  }) {
    const { roots, forbiddenPaths, host } = options;
    this.#roots = roots;
    const sockets = host.kind === 'socket' ? host.paths : [];
    this.#forbidden = [...FORBIDDEN, ...forbiddenPaths, ...sockets];
    this.#isLocal = host.kind === 'socket';
  }

  /**
   * The binds with their sources resolved.
   *
   * @throws CubeError `not-allowed`, or `runtime-failed` for a source that is not there.
   */
  async resolve(binds: readonly Bind[]): Promise<readonly BindMount[]> {
    if (binds.length === 0) return [];
    if (!this.#isLocal) {
      throw new CubeError(
        'not-allowed',
        'Binds are refused: the Docker Engine is reached by network, so its files cannot be checked.',
      );
    }
    const roots = await resolveAll(this.#roots);
    const forbidden = await resolveAll(this.#forbidden);
    const mounts: BindMount[] = [];
    for (const bind of binds) {
      const source = await resolveSource(bind.source);
      this.#check({ bind, source, roots, forbidden });
      await refuseSpecialFile(bind, source);
      mounts.push({ source, target: bind.target, readOnly: bind.readOnly });
    }
    return mounts;
  }

  #check(options: {
    readonly bind: Bind;
    readonly source: string;
    readonly roots: readonly string[];
    readonly forbidden: readonly string[];
  }): void {
    const { bind, source, roots, forbidden } = options;
    if (!roots.some((root) => isWithin(root, source))) {
      const allowed =
        this.#roots.length === 0 ? 'this worker allows none' : `allowed: ${this.#roots.join(', ')}`;
      throw notAllowed(bind, source, `it is not below an allowed folder (${allowed})`);
    }
    const hit = forbidden.find((path) => isWithin(path, source) || isWithin(source, path));
    if (hit !== undefined) throw notAllowed(bind, source, `${hit} is never shown to a container`);
  }
}

function isWithin(folder: string, path: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

async function resolveSource(source: string): Promise<string> {
  try {
    return await realpath(source);
  } catch (error) {
    throw new CubeError('runtime-failed', `The bind ${source} does not exist on this node.`, {
      cause: error,
      hint: 'Make the folder first; Cube makes none on the node.',
    });
  }
}

/** Both the path as given and where it leads, since either may be what a bind leads to. */
async function resolveAll(paths: readonly string[]): Promise<readonly string[]> {
  const all = await Promise.all(
    paths.map(async (path) => {
      const plain = path.length > 1 ? path.replace(/\/+$/, '') : path;
      try {
        return [await realpath(plain), plain];
      } catch {
        // It does not exist, so nothing leads there; it may later.
        return [plain];
      }
    }),
  );
  return all.flat();
}

async function refuseSpecialFile(bind: Bind, source: string): Promise<void> {
  const facts = await stat(source);
  if (facts.isDirectory() || facts.isFile()) return;
  throw notAllowed(bind, source, 'only folders and plain files are shown to containers');
}

function notAllowed(bind: Bind, source: string, why: string): CubeError {
  const leads = source === bind.source ? '' : ` (which leads to ${source})`;
  return new CubeError('not-allowed', `The bind ${bind.source}${leads} is refused: ${why}.`);
}
