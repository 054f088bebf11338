import { chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { removeTree } from '../../src/runtime/process/remove-tree.ts';
import { cli } from '../support/cli.ts';
import { CubeProcess, clientOf, freePorts } from '../support/cube-process.ts';
import { stopAll, untilState } from '../support/cube-up.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/*
 * What SECURITY.md promises and only real processes can show.
 */

const TOKEN = 'token-of-this-test-0123456789';
const SECRET = 'xyzzy-very-secret-42';
const NOBODY = 65_534;

const isRoot = process.getuid?.() === 0;

describe('a data directory', () => {
  test.runIf(isRoot)('of another user is refused, also by root', async () => {
    await using directory = await temporaryDirectory();
    await chown(directory.path, NOBODY, NOBODY);
    const { exitCode, stderr } = await cli(['up', '--data-dir', directory.path, '--port', '0'], {
      clock: systemClock,
    });
    expect(stderr).toContain(`belongs to another user (${NOBODY}).`);
    expect(exitCode).toBe(2);
    expect(await readdir(directory.path)).toEqual([]);
  });
});

describe.runIf(isRoot)("what is deleted of a task of another user's", () => {
  // Chance decides: with a deletion by paths one of the rounds goes astray more often than not.
  test('is not led astray by links that are put in place meanwhile', async () => {
    await using directory = await temporaryDirectory();
    const tree = join(directory.path, 'tree');
    const folder = join(tree, 'work', 'folder');
    const victim = join(directory.path, 'victim');
    const names = Array.from({ length: 50 }, (_, index) => `file-${index}`);
    const fill = async (path: string): Promise<void> => {
      await mkdir(path, { recursive: true });
      for (const name of names) await writeFile(join(path, name), '');
    };
    await fill(victim);
    const swapper = new Worker(SWAP, { eval: true, workerData: { folder, victim } });
    try {
      for (let round = 0; round < 150; round += 1) {
        // The swapper may be in between, in either: what is there is deleted all the same.
        await fill(folder).catch(() => undefined);
        await removeTree(tree).catch(() => undefined);
        await removeTree(`${victim}-aside`).catch(() => undefined);
        expect(await readdir(victim), `round ${round}`).toHaveLength(names.length);
      }
    } finally {
      await swapper.terminate();
    }
  });
});

/** Puts a link in the place of a folder and the folder back, without end. */
const SWAP = `
const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
const { folder, victim } = require('node:worker_threads').workerData;
const attempt = (act) => { try { act(); } catch {} };
for (;;) {
  attempt(() => { renameSync(folder, victim + '-aside'); symlinkSync(victim, folder); });
  attempt(() => unlinkSync(folder));
  attempt(() => renameSync(victim + '-aside', folder));
}`;

describe('a running Cube', () => {
  test('keeps token and secrets to itself, whatever the umask and the level of its log', async () => {
    await using directory = await temporaryDirectory();
    const dataDir = join(directory.path, 'data');
    const [port = 0, workerPort = 0] = await freePorts(2);
    const before = process.umask(0);
    await using cube = new CubeProcess(
      [
        'up',
        ...['--data-dir', dataDir, '--log-level', 'debug'],
        ...['--port', `${port}`, '--worker-port', `${workerPort}`],
      ],
      { CUBE_TOKEN: TOKEN, DOCKER_HOST: 'unix:///nonexistent/docker.sock' },
    );
    cube.start();
    process.umask(before);
    const client = await clientOf(port, TOKEN);
    const { task } = await client.submit({
      name: 'curious',
      command: 'sh',
      args: ['-c', 'tr "\\0" "\\n" < /proc/self/environ; exec sleep 600'],
      env: { PASSWORD: { secret: SECRET } },
    });
    await untilState(client, task.id, 'running');
    const output = await eventually('it has told its environment', async () => {
      const lines = await Array.fromAsync(client.logs(task.id));
      const text = lines.map((line) => line.text).join('\n');
      return text.includes('CUBE_ATTEMPT') ? text : undefined;
    });
    expect(output).toContain(`PASSWORD=${SECRET}`);
    expect(output).not.toContain(TOKEN);
    expect(output).not.toContain('DOCKER_HOST');
    expect((await commandLines()).filter((line) => isTelling(line))).toEqual([]);
    expect(await openPaths(dataDir)).toEqual([]);
    await stopAll(client);
    expect(await cube.end('SIGTERM')).toBe(0);
    expect(cube.output).toContain('"level":20');
    expect(isTelling(cube.output)).toBe(false);
  });
});

function isTelling(text: string): boolean {
  return text.includes(SECRET) || text.includes(TOKEN);
}

/** The command lines of all processes, as every user of the machine can read them. */
async function commandLines(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return await Promise.all(
    // What has ended meanwhile has nothing to tell.
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
}

/** Whatever below `folder`, itself included, somebody but its owner may read, write or enter. */
async function openPaths(folder: string): Promise<readonly string[]> {
  const paths = [folder];
  for (const name of await readdir(folder, { recursive: true })) paths.push(join(folder, name));
  const open = await Promise.all(
    paths.map(async (path) => (((await stat(path)).mode & 0o077) === 0 ? [] : [path])),
  );
  return open.flat();
}
