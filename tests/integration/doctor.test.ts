import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { checkDescriptors } from '../../src/cli/doctor/check-machine.ts';
import { checkPort } from '../../src/cli/doctor/check-ports.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type CliOptions, cli, cliIo } from '../support/cli.ts';
import { startCliDaemon } from '../support/cli-daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startHttpStub } from '../support/http-stub.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const clock = systemClock;
/** Where no Docker Engine answers, and no manager unless one is named. */
const environment = {
  DOCKER_HOST: 'unix:///nonexistent/docker.sock',
  CUBE_MANAGER_PORT: '1',
};

async function examine(
  argv: readonly string[],
  options: CliOptions = {},
): Promise<{ readonly exitCode: number; readonly of: (check: string) => Finding | undefined }> {
  const { exitCode, stdout } = await cli(['doctor', '--json', ...argv], {
    clock,
    environment,
    ...options,
  });
  const findings: readonly Finding[] = JSON.parse(stdout);
  return { exitCode, of: (check) => findings.find((finding) => finding.check === check) };
}

describe('cube doctor', () => {
  test('looks at a Cube that runs, its data and its nodes', async () => {
    await using home = await temporaryDirectory();
    const argv = ['up', '--data-dir', home.path, '--port', '0', '--worker-port', '0'];
    await using daemon = await startCliDaemon(argv, { clock, environment });
    const seen = await eventually('the node is up', async () => {
      const found = await examine(['--data-dir', home.path, '-m', daemon.url]);
      return found.of('node worker-1')?.message.includes('no docker') ? found : undefined;
    });
    for (const check of ['manager', 'clock', 'data directory', 'file modes', 'data file']) {
      expect(seen.of(check)).toMatchObject({ check, level: 'ok' });
    }
    expect(seen.of('data file')?.message).toMatch(/^of the manager: all \d+ records are as they/);
    // An engine was named, and it does not answer.
    expect(seen.of('docker')).toMatchObject({ level: 'fail' });
    expect(seen.exitCode).toBe(1);
  });

  test('does not wait for a manager that hangs', { timeout: 30_000 }, async () => {
    await using home = await temporaryDirectory();
    // It takes the connection and never answers.
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const seen = await examine(['--data-dir', home.path, '-m', `http://127.0.0.1:${port}`]);
    silent.close();
    expect(seen.of('manager')).toMatchObject({
      level: 'fail',
      message: expect.stringContaining('did not answer within 5 s'),
      remedy: expect.stringContaining('it hangs'),
    });
  });

  test('says in lines what is wrong, and what to do', async () => {
    await using home = await temporaryDirectory();
    await chmod(home.path, 0o755);
    const { stdout } = await cli(['doctor', '--data-dir', home.path], { clock, environment });
    expect(stdout).toContain(`others can look into ${home.path} (0755)`);
    expect(stdout).toMatch(new RegExp(`\n +→ chmod 700 ${home.path}\n`));
    expect(stdout).toMatch(/\n\d failed, \d to look at\.\n$/);
  });

  test('finds open directories and files, and what is no directory', async () => {
    await using home = await temporaryDirectory();
    const directory = join(home.path, 'data');
    await mkdir(directory);
    await chmod(directory, 0o777);
    await writeFile(join(directory, 'identity.json'), '{}');
    await chmod(join(directory, 'identity.json'), 0o644);
    const seen = await examine(['--data-dir', directory]);
    expect(seen.of('data directory')).toMatchObject({ level: 'fail' });
    expect(seen.of('file modes')?.remedy).toBe(`chmod 600 ${join(directory, 'identity.json')}`);
    const file = await examine(['--data-dir', join(directory, 'identity.json')]);
    expect(file.of('data directory')?.message).toContain('is no directory');
  });

  test('reads the data file of a manager that does not run, to the last record', async () => {
    await using home = await temporaryDirectory();
    const argv = ['manager', '--data-dir', home.path, '--port', '0'];
    {
      await using daemon = await startCliDaemon(argv, { clock, environment });
      expect(daemon.url).toContain('http');
    }
    const path = join(home.path, 'manager.db');
    const before = await readFile(path);
    const sound = await examine(['--data-dir', home.path]);
    expect(sound.of('data file')).toMatchObject({ level: 'ok' });
    expect(await readFile(path)).toEqual(before);
    {
      using database = new DatabaseSync(path);
      database.exec("UPDATE records_events SET value = replace(value, 'manager', 'mannger')");
    }
    const damaged = await examine(['--data-dir', home.path]);
    expect(damaged.of('data file')).toMatchObject({ level: 'fail' });
    expect(damaged.of('data file')?.message).toContain('is not what was written');
  });

  test('tells a clock that differs from that of the manager', async () => {
    await using home = await temporaryDirectory();
    const argv = ['manager', '--data-dir', home.path, '--port', '0'];
    await using daemon = await startCliDaemon(argv, { clock, environment });
    const hourBehind = { ...clock, now: () => clock.now() - 3_630_000 };
    const options = { clock: hourBehind };
    const seen = await examine(['--data-dir', home.path, '-m', daemon.url], options);
    expect(seen.of('clock')).toMatchObject({ level: 'warn' });
    expect(seen.of('clock')?.message).toContain('60m ahead of this machine');
  });

  test('tells whether a port is held by a Cube', async () => {
    const io = cliIo({ clock });
    const server = createServer((socket) => socket.resume().end('no HTTP\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      expect(await checkPort(io, port, 'manager')).toMatchObject({ level: 'warn' });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    expect(await checkPort(io, port, 'manager')).toMatchObject({ level: 'ok' });
    await using cube = await startHttpStub((_, reply) => void reply.end('{"healthy":true}'));
    const held = await checkPort(io, cube.port, 'worker');
    expect(held).toMatchObject({ level: 'ok' });
    expect(held.message).toContain('held by Cube');
  });

  test('warns of a limit on open files that is low', () => {
    const limits = (soft: string): string =>
      `Limit                     Soft Limit  Hard Limit  Units\nMax open files            ${soft}        1048576     files\n`;
    expect(checkDescriptors(limits('1024'))).toMatchObject({ level: 'warn' });
    expect(checkDescriptors(limits('1024')).remedy).toContain('ulimit -n 1048576');
    expect(checkDescriptors(limits('unlimited'))).toMatchObject({ level: 'ok' });
    expect(checkDescriptors('')).toMatchObject({ level: 'ok' });
  });
});
