import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { cli } from '../support/cli.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The command as it is shipped: bundled, and started by itself. */
async function cube(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const node = join(root, 'node_modules', '.bin', 'node');
  const env = { ...environment, NODE_COMPILE_CACHE: undefined };
  const { stdout } = await promisify(execFile)(node, [join(root, 'bin', 'cube.js'), ...args], {
    env,
  });
  return stdout;
}

describe('the shipped command', () => {
  it('has every command of the sources, with the same help', async () => {
    const { stdout: overview } = await cli(['--help']);
    const names = [...overview.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name = '']) => name);
    expect(names).toContain('status');
    expect(names).toContain('simulate');
    expect(names.length).toBeGreaterThan(14);
    for (const name of names.filter((one) => one !== 'help')) {
      const { stdout } = await cli([name, '--help']);
      expect(await cube([name, '--help']), name).toBe(stdout);
    }
    expect(await cube(['help', 'simulate'])).toContain('--seeds');
  });

  it('finds each thread that it starts', async () => {
    const beside = await readdir(join(root, 'dist', 'cube'));
    expect(beside).toContain('sqlite-thread.js');
    expect(beside).toContain('backup-thread.js');
    expect(beside).toContain('check-thread.js');
    expect(await cube(['simulate', '--seeds', '1'])).toContain('1');
  });
});

describe('what Node has compiled', () => {
  it('is kept where only the user may write', async () => {
    await using home = await Home.create();
    await cube(['--help'], { HOME: home.path });
    const { mode } = await stat(home.cache);
    expect(mode & 0o777).toBe(0o700);
    expect(await readdir(home.cache)).not.toEqual([]);
    expect(await cube(['--help'], { HOME: home.path })).toContain('Usage: cube');
  });

  it.each(['.', '.cache', '.cache/cube'])(
    'is not kept where others may write: %s',
    async (open) => {
      await using home = await Home.create();
      await mkdir(home.cache, { recursive: true, mode: 0o700 });
      await chmod(join(home.path, open), 0o777);
      expect(await cube(['--help'], { HOME: home.path })).toContain('Usage: cube');
      expect(await readdir(home.cache)).toEqual([]);
    },
  );

  it.each([{}, { HOME: '/nonexistent' }, { HOME: '' }, { XDG_CACHE_HOME: '/proc/none' }])(
    'is not kept without a home, and the command runs all the same: %j',
    async (environment) => {
      expect(await cube(['--help'], environment)).toContain('Usage: cube');
    },
  );
});

class Home implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Home> {
    return new Home(await mkdtemp(join(tmpdir(), 'cube-home-')));
  }

  get cache(): string {
    return join(this.path, '.cache', 'cube');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
