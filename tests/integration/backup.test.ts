import { spawn } from 'node:child_process';
import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { createCubeClient } from '../../src/client/cube-client.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { cli } from '../support/cli.ts';
import { type CliDaemon, startCliDaemon } from '../support/cli-daemon.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { CUBE_COMMAND } from '../support/terminal-program.ts';

const clock = systemClock;
/** Where no Docker Engine answers, so that these tests need none. */
const environment = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };
const options = { clock, environment };
const sleeper = { command: 'sleep', args: ['600'] };

function manager(directory: string, port = '0'): Promise<CliDaemon> {
  return startCliDaemon(['manager', '--data-dir', directory, '--port', port], options);
}

interface BackupJson {
  readonly revision: number;
  readonly counts: { readonly tasks: number };
}

async function backUp(url: string, file: string): Promise<BackupJson> {
  const { exitCode, stdout, stderr } = await cli(['backup', file, '-m', url, '--json'], options);
  if (exitCode !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

function restore(file: string, directory: string, ...flags: string[]): ReturnType<typeof cli> {
  return cli(['restore', file, '--data-dir', directory, ...flags], options);
}

describe('a backup', () => {
  test('that is taken under load holds whatever was acknowledged up to its revision', async () => {
    await using home = await temporaryDirectory();
    const file = join(home.path, 'cube.backup');
    const acknowledged = new Map<string, number>();
    let taken: BackupJson;
    {
      await using first = await manager(join(home.path, 'first'));
      const client = createCubeClient({ url: first.url });
      let isDone = false;
      const load = async (): Promise<void> => {
        while (!isDone) {
          const { task } = await client.submit({ name: 'job', ...sleeper });
          acknowledged.set(task.id, task.createdRevision);
        }
      };
      const loads = Promise.all(Array.from({ length: 8 }, load));
      let before: number;
      try {
        await eventually('there is something to copy', async () => acknowledged.size > 60);
        before = acknowledged.size;
        taken = await backUp(first.url, file);
      } finally {
        isDone = true;
        await loads;
      }
      expect(taken.counts.tasks).toBeGreaterThanOrEqual(before);
    }
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(home.path, 'first'))).not.toContainEqual(
      expect.stringMatching(/new-/),
    );
    expect(await restore(file, join(home.path, 'second'))).toMatchObject({ exitCode: 0 });
    await using second = await manager(join(home.path, 'second'));
    const restored = new Set<string>();
    for await (const { id } of createCubeClient({ url: second.url }).list()) restored.add(id);
    const wanted = [...acknowledged].filter(([, revision]) => revision <= taken.revision);
    expect(wanted.filter(([id]) => !restored.has(id))).toEqual([]);
    expect(restored.size).toBe(taken.counts.tasks);
  });

  test('that is interrupted leaves nothing, and is no bug', async () => {
    await using home = await temporaryDirectory();
    // It takes the request and never answers.
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const manager = `http://127.0.0.1:${port}`;
    const ended = new Promise<{ code: number | null; stderr: string }>((resolve) => {
      const argv = [...CUBE_COMMAND.slice(1), 'backup', join(home.path, 'x'), '-m', manager];
      const child = spawn(CUBE_COMMAND[0] ?? '', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (data) => {
        stderr += String(data);
      });
      child.once('close', (code) => resolve({ code, stderr }));
      silent.once('request', () => child.kill('SIGINT'));
    });
    expect(await ended).toEqual({
      code: 130,
      stderr: 'cube: Interrupted; no backup was written.\n',
    });
    expect(await readdir(home.path)).toEqual([]);
    silent.closeAllConnections();
    silent.close();
  });

  test.each(['', '-'])('does not go to %j, which is no file', async (file) => {
    const { exitCode, stderr } = await cli(['backup', file], options);
    expect(stderr).toContain('which is no file');
    expect(exitCode).toBe(2);
  });

  test('is refused where a file is, and leaves that file alone', async () => {
    await using home = await temporaryDirectory();
    const file = join(home.path, 'precious');
    await writeFile(file, 'precious');
    const { exitCode, stderr } = await cli(['backup', file], options);
    expect(stderr).toContain('is there already; a backup never overwrites a file.');
    expect(exitCode).toBe(4);
    expect(await readFile(file, 'utf8')).toBe('precious');
  });

  // Only root can become somebody else.
  test.runIf(process.getuid?.() === 0)(
    'is given to no other user of the machine, unless he has the token',
    async () => {
      await using home = await temporaryDirectory();
      await using daemon = await manager(join(home.path, 'data'));
      // It needs nothing that another user might not be able to read.
      const ask = 'exec 3<>/dev/tcp/127.0.0.1/$0; printf "$1" >&3; cat <&3';
      const { host, port } = new URL(daemon.url);
      const request = `GET /backup HTTP/1.1\\r\\nHost: ${host}\\r\\nConnection: close\\r\\n\\r\\n`;
      const nobody = { uid: 65_534, cwd: '/' };
      const asked = spawn('/bin/bash', ['-c', ask, port, request], nobody);
      let text = '';
      for await (const chunk of asked.stdout) text += String(chunk);
      expect(text).toContain('HTTP/1.1 403');
      expect(text).toContain('only the user that runs the manager');
    },
  );

  test('cannot be taken of a manager that keeps its data in memory', async () => {
    await using home = await temporaryDirectory();
    const argv = ['manager', '--store', 'memory', '--data-dir', home.path, '--port', '0'];
    await using daemon = await startCliDaemon(argv, options);
    const { exitCode, stderr } = await cli(
      ['backup', join(home.path, 'x'), '-m', daemon.url],
      options,
    );
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('keeps its data in memory');
    expect(await readdir(home.path)).not.toContain('x');
  });
});

describe('a restored cluster', () => {
  test('converges with a worker that has obeyed later epochs and has run what is unknown now', async () => {
    await using home = await temporaryDirectory();
    const directory = join(home.path, 'manager');
    const file = join(home.path, 'cube.backup');
    let first = await manager(directory);
    const port = new URL(first.url).port;
    const workerArgv = [
      'worker',
      '--manager',
      first.url,
      '--port',
      '0',
      '--data-dir',
      join(home.path, 'worker'),
    ];
    await using worker = await startCliDaemon([...workerArgv, '--stop-tasks'], options);
    expect(worker.url).toContain('http');
    const client = createCubeClient({ url: first.url });
    const untilRunning = (id: string, attempt: number): Promise<string> =>
      eventually(`attempt ${attempt} or a later one of ${id} runs`, async () => {
        const { status } = await client.get(id).catch(() => ({ status: undefined }));
        const isRunning = status?.state === 'running' && status.attempt >= attempt;
        return isRunning ? status.runtimeId : undefined;
      });
    const { task: steady } = await client.submit({ name: 'steady', ...sleeper });
    const { task: restarted } = await client.submit({ name: 'restarted', ...sleeper });
    const pid = await untilRunning(steady.id, 1);
    await untilRunning(restarted.id, 1);
    await backUp(first.url, file);
    // Later epochs, a later task, and later attempts, none of which the backup knows.
    for (let start = 0; start < 2; start += 1) {
      await first.end();
      first = await manager(directory, port);
    }
    const { task: later } = await client.submit({ name: 'later', ...sleeper });
    const laterPid = await untilRunning(later.id, 1);
    for (const attempt of [2, 3]) {
      await client.restart(restarted.id);
      await untilRunning(restarted.id, attempt);
    }
    const before = await client.status();
    await first.end();

    const refused = await restore(file, directory);
    expect(refused).toMatchObject({ exitCode: 4 });
    expect(refused.stderr).toContain('There are other data already');
    expect(await restore(file, directory, '--force')).toMatchObject({ exitCode: 0 });

    await using second = await manager(directory, port);
    expect(second.url).toBe(first.url);
    expect((await client.status()).epoch).toBeGreaterThan(before.epoch + 1000);
    // The attempt that ran at the time of the backup is adopted as it is.
    expect(await untilRunning(steady.id, 1)).toBe(pid);
    // What was restarted runs again, under a number that no worker has seen.
    await untilRunning(restarted.id, 4);
    await eventually('what nobody knows of any more is stopped', async () => !isAlive(laterPid));
    await expect(client.get(later.id)).rejects.toMatchObject({ code: 'not-found' });
    const files = await readdir(directory);
    expect(files).toContainEqual(expect.stringMatching(/^replaced-.*-manager\.db$/));
  });
});

describe('cube restore', () => {
  test('refuses a directory in which a manager runs, and a file that is no sound backup', async () => {
    await using home = await temporaryDirectory();
    const directory = join(home.path, 'data');
    const file = join(home.path, 'cube.backup');
    await using daemon = await manager(directory);
    const client = createCubeClient({ url: daemon.url });
    for (let count = 0; count < 20; count += 1) await client.submit({ name: 'job', ...sleeper });
    await backUp(daemon.url, file);
    const running = await restore(file, directory, '--force');
    expect(running.stderr).toContain('is held by process');
    expect(running.exitCode).not.toBe(0);

    const other = join(home.path, 'other');
    const refusedFor = async (change: (path: string) => Promise<void> | void): Promise<string> => {
      const path = join(home.path, `copy-${Math.random()}`);
      await copyFile(file, path);
      await change(path);
      const { exitCode, stderr } = await restore(path, other);
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain('This cannot be restored: ');
      // No directory was made for what is not used.
      expect(await readdir(home.path)).not.toContain('other');
      return stderr;
    };
    const edit = (sql: string) => (path: string) => {
      using database = new DatabaseSync(path);
      database.exec(sql);
    };
    expect(
      await refusedFor(edit("UPDATE records_tasks SET value = replace(value, 'job', 'jab')")),
    ).toContain('is not what was written');
    expect(await refusedFor(edit("DELETE FROM records_events WHERE key LIKE '%5'"))).toContain(
      'missing',
    );
    expect(await refusedFor(edit('DELETE FROM records_tasks'))).toContain(
      'does not hold what its seal says',
    );
    expect(await refusedFor(edit("DELETE FROM cube WHERE name = 'backup'"))).toContain(
      'not a backup',
    );
    expect(await refusedFor((path) => writeFile(path, 'nothing of the kind'))).toContain(
      'no database',
    );
    expect(await refusedFor(async (path) => void (await truncate(path)))).toContain('damaged');
  });
});

async function truncate(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.length - 4096));
}

function isAlive(pid: string): boolean {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
}
