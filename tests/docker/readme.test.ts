import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { expect, it } from 'vitest';
import { createCubeClient } from '../../src/client/cube-client.ts';
import { stopAll } from '../support/cube-up.ts';
import { makeRootFolder } from '../support/docker-image.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

// Follows the README as a new user does: a fresh checkout, and its commands as they stand there.

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const docker = new Docker();
const run = promisify(execFile);

/** The commands of the README, block by block. */
async function readBlocks(): Promise<readonly string[]> {
  const text = await readFile(join(root, 'README.md'), 'utf8');
  return [...text.matchAll(/^```sh\b.*\n([\s\S]*?)^```$/gm)].map(([, commands = '']) => commands);
}

/** The files of the checkout, as a clone would have them. */
async function makeCheckout(target: string): Promise<void> {
  const { stdout } = await run('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root });
  for (const path of stdout.split('\n').filter((line) => line !== '')) {
    await mkdir(dirname(join(target, path)), { recursive: true });
    await copyFile(join(root, path), join(target, path));
  }
}

/** A stand-in for nginx, since no registry can be reached: it serves one page on port 80. */
async function makeWebImage(folder: string): Promise<void> {
  await mkdir(folder);
  await makeRootFolder(folder);
  await mkdir(join(folder, 'www'));
  await writeFile(join(folder, 'www/index.html'), 'it works\n');
  const tar = spawn('tar', ['-C', folder, '--owner=0', '--group=0', '-c', '.']);
  const server = 'CMD ["httpd", "-f", "-p", "80", "-h", "/www"]';
  const reply = await docker.importImage(tar.stdout, {
    repo: 'nginx',
    tag: 'latest',
    changes: server,
  });
  for await (const _ of reply) {
    // The reply must be read to its end for the image to be there.
  }
}

/** The machine's own Node and npm, as a user has them, and a home of the test's own. */
function userEnvironment(home: string): Record<string, string> {
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter);
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|CUBE_|VITEST|NODE_|INIT_CWD|CI$)/.test(name),
  );
  return {
    ...Object.fromEntries(kept.map(([name, value]) => [name, value ?? ''])),
    PATH: path,
    HOME: home,
    npm_config_cache: process.env['npm_config_cache'] ?? join(homedir(), '.npm'),
  };
}

/** The first terminal: `npm start`, with what it shows. */
class Terminal {
  screen = '';
  #child: ChildProcess | undefined;

  async start(cwd: string, env: Record<string, string>): Promise<void> {
    this.screen = '';
    const child = spawn('npm', ['start'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        this.screen += String(chunk);
      });
    }
    await eventually('Cube is up', () => this.screen.includes('is up'), 180_000);
  }

  get cubePid(): string {
    const [, pid] = /^\s*Process\s+(\d+)/m.exec(this.screen) ?? [];
    if (pid === undefined) throw new Error(`No process id on the screen:\n${this.screen}`);
    return pid;
  }

  async ended(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    await new Promise((resolve) => child.once('exit', resolve));
  }
}

async function isFree(port: number): Promise<boolean> {
  try {
    await fetch(`http://127.0.0.1:${port}/`);
    return false;
  } catch {
    return true;
  }
}

it('does what the README says, command by command', async () => {
  for (const port of [5555, 5556, 8080, 8081]) {
    expect(await isFree(port), `port ${port} of the README is free here`).toBe(true);
  }
  await using directory = await temporaryDirectory();
  const checkout = join(directory.path, 'cube');
  const home = join(directory.path, 'home');
  await mkdir(home, { recursive: true });
  await makeCheckout(checkout);
  await makeWebImage(join(directory.path, 'image'));
  const env = userEnvironment(home);
  const terminal = new Terminal();
  const pids: string[] = [];
  const outputs: { readonly command: string; readonly output: string }[] = [];
  const outputOf = (part: string): string =>
    outputs.findLast(({ command }) => command.includes(part))?.output ?? '';
  const client = createCubeClient({ url: 'http://127.0.0.1:5555' });
  const pidOfHello = async (): Promise<string | undefined> => {
    const { items } = await client.listPage({ name: 'hello' });
    return items[0]?.status.runtimeId;
  };

  try {
    for (const block of await readBlocks()) {
      if (block.trim() === 'npm start') {
        await terminal.start(checkout, env);
        pids.push(terminal.cubePid);
        continue;
      }
      if (block.includes('kill -9')) pids.push((await pidOfHello()) ?? '');
      const commands = block.replace('PID', terminal.cubePid);
      const { stdout, stderr } = await run('sh', ['-ec', commands], { cwd: checkout, env });
      outputs.push({ command: block, output: stdout + stderr });
      if (block.includes('kill -9')) await terminal.ended();
      if (block.includes('inspect hello')) pids.push(/process (\d+)/.exec(stdout)?.[1] ?? '');
    }
    // Only a process that was killed is another one after.
    const [firstCube, helloBefore, secondCube, helloAfter] = pids;
    expect(firstCube).not.toBe(secondCube);
    expect(helloAfter).toBe(helloBefore);
    expect(outputOf('cube status')).toContain('hello');
    expect(outputOf('explain hello')).toContain('fits');
    expect(outputOf('run examples/job.json')).toContain('step 3');
    expect(outputOf('explain huge')).toContain('100 TiB');
    expect(outputOf('8080')).toContain('it works');
    expect(outputOf('task1.json')).toContain('"web-in-go-form"');
  } finally {
    await stopAll(client);
    process.kill(Number(terminal.cubePid), 'SIGTERM');
    await terminal.ended();
    await removeContainers();
  }
}, 400_000);

async function removeContainers(): Promise<void> {
  const all = await docker.listContainers({ all: true, filters: { ancestor: ['nginx:latest'] } });
  await Promise.all(all.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
}
