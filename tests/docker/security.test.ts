import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CubeClient } from '../../src/client/cube-client.ts';
import type { TaskReply } from '../../src/link/replies.ts';
import type { TaskSpecInput } from '../../src/task/task-spec.ts';
import { CubeProcess, clientOf, freePorts } from '../support/cube-process.ts';
import { stopAll } from '../support/cube-up.ts';
import { ensureTestImage } from '../support/docker-image.ts';
import { eventually } from '../support/eventually.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

/*
 * What SECURITY.md promises of containers, tried against a Cube that is open to other machines and
 * that allows binds below the very folder in which it keeps its data.
 */

const TOKEN = 'token-of-this-test-0123456789';

let directory: TemporaryDirectory;
let cube: CubeProcess;
let client: CubeClient;
let image: string;
let port: number;
let workerPort: number;

beforeAll(async () => {
  image = await ensureTestImage();
  directory = await temporaryDirectory();
  const tokenFile = join(directory.path, 'token');
  await writeFile(tokenFile, TOKEN, { mode: 0o600 });
  await mkdir(join(directory.path, 'shared'));
  [port = 0, workerPort = 0] = await freePorts(2);
  cube = new CubeProcess(
    [
      'up',
      ...['--data-dir', join(directory.path, 'data'), '--allow-bind', directory.path],
      ...['--host', '0.0.0.0', '--token-file', tokenFile],
      ...['--port', `${port}`, '--worker-port', `${workerPort}`],
    ],
    { CUBE_WORKER_HOST: '0.0.0.0' },
  );
  cube.start();
  client = await clientOf(port, TOKEN);
});

afterAll(async () => {
  await stopAll(client);
  await cube.end('SIGTERM');
  const docker = new Docker();
  const filters = { label: ['cube.name=secure'] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true });
  }
  await directory[Symbol.asyncDispose]();
});

/** The task once it has ended. */
async function run(spec: Partial<TaskSpecInput>): Promise<TaskReply> {
  const container = { name: 'secure', image, pull: 'never', restart: 'never' } as const;
  const { task } = await client.submit({ ...container, ...spec });
  return await eventually('the task has ended', async () => {
    const now = await client.get(task.id);
    return ['completed', 'failed'].includes(now.status.state) ? now : undefined;
  });
}

describe('a bind', () => {
  test.each([
    ['the data directory', 'data'],
    ["the manager's data file", 'data/manager.db'],
    ["a worker's data directory", 'data/worker-1'],
    ['the token', 'token'],
    ['the folder that holds both', ''],
  ])('never shows %s, by whatever name', async (_, name) => {
    const link = join(directory.path, `link-${name.replaceAll('/', '-')}`);
    const target = join(directory.path, name);
    await symlink(target, link);
    for (const source of [target.replace(/\/$/, ''), link]) {
      const { status } = await run({ command: 'true', binds: [{ source, target: '/seen' }] });
      expect(status.reason).toMatchObject({ code: 'not-allowed' });
      expect(status.reason?.message).toContain('is never shown to a container');
    }
  });

  test.each(['/', '/etc/shadow', '/var/run/docker.sock', '/proc/self/root/etc'])(
    'never shows %s by a link from within an allowed folder',
    async (target) => {
      const source = join(directory.path, `link${target.replaceAll('/', '-')}-outside`);
      await symlink(target, source);
      const { status } = await run({ command: 'true', binds: [{ source, target: '/seen' }] });
      expect(status.reason).toMatchObject({ code: 'not-allowed' });
    },
  );

  test('shows any other folder there', async () => {
    const source = join(directory.path, 'shared');
    const { status } = await run({ command: 'true', binds: [{ source, target: '/seen' }] });
    expect(status.exitCode).toBe(0);
  });
});

describe('from another machine', () => {
  /** What a container, which has an address of its own, hears when it asks. */
  async function ask(toPort: number, options: string): Promise<string> {
    const script = `wget -q -S -O - ${options} "http://$(ip route | awk '/default/ {print $3}'):${toPort}/tasks" 2>&1; true`;
    const { id } = await run({ command: 'sh', args: ['-c', script] });
    const lines = await Array.fromAsync(client.logs(id));
    return lines.map(({ text }) => text).join('\n');
  }

  const authorization = `--header 'Authorization: Bearer ${TOKEN}'`;
  const body = JSON.stringify({ name: 'remote', command: 'true' });

  test('nothing is answered without the token', async () => {
    expect(await ask(port, '')).toContain('401');
    expect(await ask(workerPort, '')).toContain('401');
  });

  test('no process is started, even with it', async () => {
    for (const one of [port, workerPort]) {
      expect(await ask(one, authorization)).toContain('"items"');
      const submit = `${authorization} --header 'X-Forwarded-For: 127.0.0.1' --post-data '${body}'`;
      expect(await ask(one, submit)).toContain('403');
    }
    const names = (await Array.fromAsync(client.list())).map(({ spec }) => spec.name);
    expect(names).not.toContain('remote');
  });
});

test('a container cannot gain rights, nor forge packets, nor make processes without end', async () => {
  const script =
    'grep -e CapEff -e NoNewPrivs /proc/self/status; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true';
  const { id } = await run({ command: 'sh', args: ['-c', script] });
  const told = (await Array.fromAsync(client.logs(id))).map(({ text }) => text).join('\n');
  expect(told).toMatch(/NoNewPrivs:\s+1/);
  expect(told).toMatch(/^\d+$/m);
  const capabilities = BigInt(`0x${/CapEff:\s+([0-9a-f]+)/.exec(told)?.[1] ?? 'f'.repeat(16)}`);
  const [NET_RAW, SYS_ADMIN] = [13n, 21n];
  expect((capabilities >> NET_RAW) & 1n).toBe(0n);
  expect((capabilities >> SYS_ADMIN) & 1n).toBe(0n);
});
