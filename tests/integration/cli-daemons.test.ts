import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { cli } from '../support/cli.ts';
import { type CliDaemon, startCliDaemon } from '../support/cli-daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startHttpStub } from '../support/http-stub.ts';
import { modesBelow } from '../support/modes-below.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const clock = systemClock;
/** Where no Docker Engine answers, so that these tests need none. */
const environment = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };

async function up(directory: string, ...flags: readonly string[]): Promise<CliDaemon> {
  const argv = ['up', '--data-dir', directory, '--port', '0', '--worker-port', '0', ...flags];
  return await startCliDaemon(argv, { clock, environment });
}

/** Runs a command against the daemon, and gives what it says as JSON. */
async function ask<Value>(daemon: { readonly url: string }, ...argv: string[]): Promise<Value> {
  const result = await cli([...argv, '--json', '--manager', daemon.url], { clock });
  if (result.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

interface TaskJson {
  readonly id: string;
  readonly status: { readonly state: string; readonly runtimeId?: string; readonly node?: string };
}

describe('cube up', () => {
  test('runs a task, leaves it running when it ends, and finds it again', async () => {
    await using directory = await temporaryDirectory();
    let pid: string | undefined;
    {
      await using first = await up(directory.path);
      const argv = ['run', '-m', first.url, '--name', 'job', '--', 'sleep', '600'];
      const run = await cli(argv, { clock });
      expect(run.stderr).not.toContain('failed');
      expect(run.stdout).toMatch(/^job is running on worker-1\./);
      pid = (await ask<TaskJson>(first, 'status', 'job')).status.runtimeId;
      const { exitCode, stderr } = await first.end();
      expect(exitCode).toBe(0);
      expect(stderr).toContain(
        'Cube has stopped; 1 task runs on, and the next start finds it again.',
      );
    }
    expect(isAlive(pid)).toBe(true);
    await using second = await up(directory.path, '--stop-tasks');
    const task = await ask<TaskJson>(second, 'status', 'job');
    expect(task.status).toMatchObject({ state: 'running', runtimeId: pid });
    const { stderr } = await second.end();
    expect(stderr).toContain('Cube has stopped, and 1 task with it.');
    expect(isAlive(pid)).toBe(false);
  });

  test('shares the machine among several workers, each with a directory of its own', async () => {
    await using directory = await temporaryDirectory();
    await using daemon = await up(directory.path, '--workers', '2', '--cpu', '1', '--label', 'a=b');
    const nodes = await eventually('both nodes are up', async () => {
      const all = await ask<readonly Record<string, unknown>[]>(daemon, 'node');
      const isReady = all.length === 2 && all.every(({ liveness }) => liveness === 'up');
      return isReady ? all : undefined;
    });
    expect(nodes.map(({ name }) => name)).toEqual(['worker-1', 'worker-2']);
    expect(nodes[0]).toMatchObject({ labels: { a: 'b' }, capacity: { cpu: 1 } });
    const files = await readdir(directory.path);
    expect(files).toEqual(expect.arrayContaining(['manager.db', 'worker-1', 'worker-2']));
  });

  test('keeps its files to itself', async () => {
    await using directory = await temporaryDirectory();
    const dataDir = join(directory.path, 'a', 'b');
    await using daemon = await up(dataDir);
    expect(daemon.greeting['dataDir']).toBe(dataDir);
    const modes = await modesBelow(dataDir);
    for (const [path, mode] of modes) expect(`${path} ${mode & 0o077}`).toBe(`${path} 0`);
    expect(modes.size).toBeGreaterThan(4);
  });

  // Only root can become somebody else.
  test.runIf(process.getuid?.() === 0)('runs processes as the user that it is told', async () => {
    await using directory = await temporaryDirectory();
    await using open = await temporaryDirectory();
    await chmod(open.path, 0o711);
    const dataDir = join(directory.path, 'data');
    const workDir = join(open.path, 'work');
    const flags = ['--process-user', 'nobody', '--process-work-dir', workDir];
    await using daemon = await up(dataDir, ...flags);
    const argv = [
      'run',
      '-m',
      daemon.url,
      '--name',
      'who',
      '--restart',
      'never',
      '--',
      'sh',
      '-c',
      'id -un; cd "$HOME" && pwd',
    ];
    expect((await cli(argv, { clock })).exitCode).toBe(0);
    const name = await eventually('it has said who it is', async () => {
      const { stdout } = await cli(['logs', 'who', '-m', daemon.url], { clock });
      return stdout.split('\n').length > 2 ? stdout : undefined;
    });
    expect(name).toMatch(new RegExp(`^nobody\n${workDir}/[^\n]+/work\n$`));
    for (const [path, mode] of await modesBelow(dataDir)) {
      expect(`${path} ${mode & 0o077}`).toBe(`${path} 0`);
    }
  });

  test('with a memory store stops what nothing would know of any more, and starts again', async () => {
    await using directory = await temporaryDirectory();
    for (const name of ['first', 'second']) {
      await using daemon = await up(directory.path, '--store', 'memory');
      const argv = ['run', '-m', daemon.url, '--name', name, '--', 'sleep', '600'];
      expect((await cli(argv, { clock })).exitCode).toBe(0);
      const tasks = await ask<readonly TaskJson[]>(daemon, 'status');
      expect(tasks.length).toBe(1);
      const { stderr } = await daemon.end();
      expect(stderr).toContain('Cube has stopped, and 1 task with it.\n');
      expect(isAlive(tasks[0]?.status.runtimeId)).toBe(false);
    }
  });

  test('tells of tasks on nodes that this start does not bring, and claims nothing of them', async () => {
    await using directory = await temporaryDirectory();
    {
      await using both = await up(directory.path, '--workers', '2');
      const constraint = ['--constraint', 'node.name == worker-2'];
      const argv = ['run', '-m', both.url, '--name', 'far', ...constraint, '--', 'sleep', '600'];
      expect((await cli(argv, { clock })).exitCode).toBe(0);
    }
    const abort = new AbortController();
    const argv = ['up', '--data-dir', directory.path, '--port', '0', '--worker-port', '0'];
    const one = await cli([...argv, '--stop-tasks'], {
      clock,
      environment,
      interrupt: abort.signal,
      onOutput: () => abort.abort(),
    });
    expect(one.stdout).toContain('\n  Elsewhere  worker-2 has 1 task\n');
    expect(one.stderr).toContain(
      'Cube has stopped. No task was running here. 1 task on other nodes not touched.\n',
    );
    await using both = await up(directory.path, '--workers', '2', '--stop-tasks');
    const task = await ask<TaskJson>(both, 'status', 'far');
    expect(isAlive(task.status.runtimeId)).toBe(true);
    expect((await both.end()).stderr).toContain('Cube has stopped, and 1 task with it.\n');
  });

  test('says for people what there is, and what to type next', async () => {
    await using directory = await temporaryDirectory();
    const abort = new AbortController();
    const argv = ['up', '--data-dir', directory.path, '--port', '0', '--worker-port', '0'];
    const { exitCode, stdout } = await cli([...argv, '--store', 'memory'], {
      clock,
      environment,
      interrupt: abort.signal,
      onOutput: () => abort.abort(),
    });
    for (const line of [
      /^Cube \d+\.\d+\.\d+ is up\.\n/,
      /\n {2}Manager {4}http:\/\/127\.0\.0\.1:\d+ {2}\(this machine only\)\n/,
      `\n  Data       ${directory.path}\n`,
      '\n  Store      memory: all is forgotten when Cube ends\n',
      '\n  Scheduler  epvm\n',
      /\n {2}Workers {4}worker-1 at http:\/\/127\.0\.0\.1:\d+: \d/,
      /docker: not available\. .*\/nonexistent\/docker\.sock/,
      '\n             So containers cannot run here for now; plain processes can.\n',
      /cube run --manager http:\S+ --name hello -- sleep 600\n/,
      'Ctrl-C stops Cube and its tasks.',
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(exitCode).toBe(0);
  });

  test('is refused a data directory that another one holds, by its process', async () => {
    await using directory = await temporaryDirectory();
    await using _first = await up(directory.path);
    const second = await cli(
      ['up', '--data-dir', directory.path, '--port', '0', '--worker-port', '0'],
      { clock, environment },
    );
    expect(second.stderr).toMatch(
      /The data file \S+manager\.db is held by .*stop that process, or .* with --data-dir\./,
    );
    expect(second.stdout).toBe('');
    expect(second.exitCode).toBe(4);
  });

  test('names the port that another program holds, and leaves nothing behind', async () => {
    await using directory = await temporaryDirectory();
    await using stub = await startHttpStub((_request, response) => void response.end('<html>'));
    const argv = ['up', '--data-dir', directory.path, '--worker-port', '0'];
    const taken = await cli([...argv, '--port', String(stub.port)], { clock, environment });
    expect(taken.stderr).toContain(
      `Another program listens on 127.0.0.1:${stub.port} already. Stop it, or choose another port with --port.`,
    );
    expect(taken.exitCode).toBe(4);
    // The same directory serves at once, so whatever was opened has been closed.
    await using daemon = await up(directory.path);
    expect(daemon.url).toMatch(/^http:/);
    const port = new URL(daemon.url).port;
    const other = ['up', '--data-dir', join(directory.path, 'other'), '--port', '0'];
    const ours = await cli([...other, '--worker-port', port], { clock, environment });
    expect(ours.stderr).toContain(
      `cube: Another Cube serves at ${daemon.url} already. Stop it, or choose another port with --worker-port.\n`,
    );
  });

  test('asks for the token that it was given', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'token');
    await writeFile(file, 'correct-horse-battery', { mode: 0o600 });
    await using daemon = await up(join(directory.path, 'data'), '--token-file', file);
    const without = await cli(['node', '-m', daemon.url], { clock });
    expect(without.stderr).toContain('CUBE_TOKEN');
    expect(without.exitCode).toBe(77);
    const nodes = await eventually('the worker has joined with the token', async () => {
      const argv = ['node', '--json', '-m', daemon.url, '--token-file', file];
      const all = JSON.parse((await cli(argv, { clock })).stdout);
      return all[0]?.liveness === 'up' ? all : undefined;
    });
    expect(nodes).toHaveLength(1);
  });

  test.each([
    ['a file', async (path: string) => writeFile(path, ''), / is a file\./],
    ['below a file', async (path: string) => writeFile(join(path, '..', 'f'), ''), null],
    [
      'open to others',
      async (path: string) => {
        await mkdir(path);
        await chmod(path, 0o777);
      },
      / can be written to by others \(mode 0777\)\./,
    ],
  ])('refuses a data directory that is %s', async (_name, prepare, message) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'data');
    await prepare(path);
    const dataDir = message === null ? join(directory.path, 'f', 'data') : path;
    const { exitCode, stderr } = await cli(['up', '--data-dir', dataDir], { clock, environment });
    expect(stderr).toMatch(message ?? /cannot be used: a part of its path is a file\./);
    expect(stderr).toContain(dataDir);
    expect(exitCode).toBe(2);
  });

  test('refuses a damaged file of the manager, and sets one of a worker aside', async () => {
    await using directory = await temporaryDirectory();
    await (await up(directory.path)).end();
    const managerFile = join(directory.path, 'manager.db');
    const good = await readFile(managerFile);
    await writeFile(managerFile, 'no database at all, but long enough to look like a file');
    const argv = ['up', '--data-dir', directory.path, '--port', '0', '--worker-port', '0'];
    const refused = await cli(argv, { clock, environment });
    expect(refused.stderr).toContain(managerFile);
    expect(refused.exitCode).toBe(74);
    expect(await readFile(managerFile, 'utf8')).toMatch(/^no database at all/);
    await writeFile(managerFile, good);
    const workerFile = join(directory.path, 'worker-1', 'worker.db');
    const bytes = await readFile(workerFile);
    await writeFile(workerFile, bytes.subarray(0, bytes.length / 2));
    await using daemon = await up(directory.path);
    expect(daemon.url).toMatch(/^http:/);
    const files = await readdir(join(directory.path, 'worker-1'));
    const aside = files.find((name) => /^damaged-\d{8}T\d{9}-worker\.db$/.test(name));
    expect(aside).toBeDefined();
    const kept = await readFile(join(directory.path, 'worker-1', aside ?? ''));
    expect(kept.equals(bytes.subarray(0, bytes.length / 2))).toBe(true);
  });
});

describe('cube manager and cube worker', () => {
  test('find each other by joining, and by a list of addresses', async () => {
    await using directory = await temporaryDirectory();
    await using called = await startCliDaemon(
      ['worker', '--data-dir', join(directory.path, 'w1'), '--port', '0', '--name', 'called'],
      { clock, environment },
    );
    await using manager = await startCliDaemon(
      [
        'manager',
        ...['--data-dir', join(directory.path, 'm'), '--port', '0'],
        ...['--workers', called.url],
      ],
      { clock, environment },
    );
    await using _joined = await startCliDaemon(
      [
        'worker',
        ...['--data-dir', join(directory.path, 'w2'), '--port', '0', '--name', 'joined'],
        ...['--manager', manager.url],
      ],
      { clock, environment },
    );
    const names = await eventually('both nodes are up', async () => {
      const all = await ask<readonly { name: string; liveness: string }[]>(manager, 'node');
      const upNames = all.filter(({ liveness }) => liveness === 'up').map(({ name }) => name);
      return upNames.length === 2 ? upNames : undefined;
    });
    expect(names).toEqual(['called', 'joined']);
  });
});

function isAlive(pid: string | undefined): boolean {
  try {
    process.kill(Number(pid), 0);
    return pid !== undefined;
  } catch {
    return false;
  }
}
