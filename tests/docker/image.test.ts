import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, realpath, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { makeRootFolder } from '../support/docker-image.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const run = promisify(execFile);

async function docker(...argv: readonly string[]): Promise<string> {
  return (await run('docker', argv, { cwd: root, maxBuffer: 10 ** 7 })).stdout.trim();
}

/** A base with a shell and Node, of this machine's own files, since no registry is asked. */
async function importBase(name: string): Promise<void> {
  await using folder = await temporaryDirectory();
  await makeRootFolder(folder.path);
  const program = join(root, 'node_modules/node/bin/node');
  const { stdout } = await run('ldd', [program]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  for (const path of libraries) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await copyFile(await realpath(path), join(folder.path, path));
  }
  await copyFile(program, join(folder.path, 'bin/node'));
  await mkdir(join(folder.path, 'usr/bin'), { recursive: true });
  await symlink('/bin/env', join(folder.path, 'usr/bin/env'));
  const tar = spawn('tar', ['-C', folder.path, '--owner=0', '--group=0', '-c', '.']);
  const docker = spawn('docker', ['import', '-', name], { stdio: ['pipe', 'ignore', 'inherit'] });
  tar.stdout.pipe(docker.stdin);
  const code = await new Promise((resolve) => docker.once('exit', resolve));
  expect(code).toBe(0);
}

it('the image is built, serves as no root, keeps its data when killed, and ends when told to', async () => {
  const name = `cube-image-test-${process.pid}`;
  const inside = (...argv: readonly string[]) => docker('exec', name, 'cube', ...argv);
  let steps: readonly string[] = [];
  try {
    await importBase(`${name}-base`);
    const build = await docker('build', '-t', name, '--build-arg', `BASE=${name}-base`, '.');
    steps = [...build.matchAll(/^ ---> ([0-9a-f]{12})$/gm)].map(([, id = '']) => id);
    await docker('run', '-d', '--name', name, '-v', `${name}:/var/lib/cube`, name);
    const served = (): Promise<string | false> => inside('status').catch(() => false);
    await eventually('it serves', served, 60_000);
    expect(await docker('exec', name, 'id', '-u')).toBe('5555');
    expect(await docker('exec', name, 'stat', '-c', '%a %u', '/var/lib/cube')).toBe('700 5555');
    expect(await docker('exec', name, 'ls', '/opt/cube/node_modules')).not.toMatch(
      /^(vite|knip|fast-check)$/m,
    );
    const job = ['run', '--name', 'job', '--restart', 'always', '--', 'sleep', '600'];
    expect(await inside(...job)).toContain('job is running');
    const health = '{{json .Config.Healthcheck.Test}}';
    const [, ...check]: string[] = JSON.parse(await docker('inspect', '-f', health, name));
    await docker('exec', name, ...check);

    await docker('kill', name);
    await docker('start', name);
    await eventually('it serves again', served, 60_000);
    await eventually('the job, killed with it, runs anew', async () =>
      (await inside('status', 'job')).includes('running'),
    );

    await docker('stop', '-t', '30', name);
    expect(await docker('inspect', '-f', '{{.State.ExitCode}}', name)).toBe('0');
    await expect(docker('run', '--rm', name, 'manager', '--host', '0.0.0.0')).rejects.toThrowError(
      'needs a token',
    );
  } finally {
    await run('docker', ['rm', '-f', '-v', name]).catch(() => undefined);
    await run('docker', ['volume', 'rm', '-f', name]).catch(() => undefined);
    // The engine's own builder keeps what each step has made.
    const images = [name, ...steps.toReversed(), `${name}-base`];
    for (const image of images) await run('docker', ['rmi', image]).catch(() => undefined);
  }
}, 300_000);
