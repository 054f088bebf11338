import { chmod, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  resolveManagerSettings,
  resolveUpSettings,
  resolveWorkerSettings,
} from '../../../src/config/daemon-settings.ts';
import { describeUnknownVariables } from '../../../src/config/environment.ts';
import { isLoopbackHost, normalizeHost, toBaseUrl } from '../../../src/config/host.ts';
import { resolveManagerUrl } from '../../../src/config/manager-address.ts';
import { findToken } from '../../../src/config/token.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const home = { HOME: '/home/u' };
const token = 'abcdefghijklmnop';

describe('where commands look for the manager', () => {
  test.each([
    [undefined, {}, 'http://127.0.0.1:5555'],
    [undefined, { CUBE_MANAGER_HOST: 'cube.local' }, 'http://cube.local:5555'],
    [undefined, { CUBE_MANAGER_PORT: '7000' }, 'http://127.0.0.1:7000'],
    [undefined, { CUBE_MANAGER_HOST: '0.0.0.0' }, 'http://127.0.0.1:5555'],
    [undefined, { CUBE_MANAGER_HOST: '::' }, 'http://127.0.0.1:5555'],
    [undefined, { CUBE_MANAGER_HOST: 'fe80::1' }, 'http://[fe80::1]:5555'],
    [undefined, { CUBE_MANAGER_PORT: '' }, 'http://127.0.0.1:5555'],
    ['localhost:5555', { CUBE_MANAGER_HOST: 'x' }, 'http://localhost:5555'],
    ['https://cube.example/', {}, 'https://cube.example'],
  ])('flag %j and variables %j lead to %s', (flag, environment, url) => {
    expect(resolveManagerUrl(flag, environment)).toBe(url);
  });
});

test('hosts are told from what is none, and loopback from what others reach', () => {
  expect(normalizeHost('LocalHost')).toBe('localhost');
  expect(normalizeHost('[::1]')).toBe('::1');
  for (const bad of ['', 'a b', 'a_b', '-a', 'a/b', 'a:80', '1.2.3.4.5.6:x', 'a'.repeat(64)]) {
    expect(normalizeHost(bad)).toBeUndefined();
  }
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopbackHost)).toBe(true);
  expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.x.org'].some(isLoopbackHost)).toBe(false);
  expect(toBaseUrl('::1', 80)).toBe('http://[::1]:80');
});

test('variables that look like ours and are none are told of, and others are not', () => {
  const environment = { CUBE_MANAGER_HOTS: 'x', CUBE_ZZZZZZZZZZZ: 'x', CUBICLE: 'x', PATH: 'x' };
  expect(describeUnknownVariables({ ...environment, CUBE_TOKEN: 'x' })).toEqual([
    "The variable CUBE_MANAGER_HOTS is not one of Cube's and changes nothing; did you mean CUBE_MANAGER_HOST?",
    "The variable CUBE_ZZZZZZZZZZZ is not one of Cube's and changes nothing.",
  ]);
});

describe('the settings of a manager', () => {
  test('have safe defaults', async () => {
    expect(await resolveManagerSettings({}, home)).toEqual({
      dataDir: '/home/u/.cube',
      privatePaths: ['/home/u/.cube'],
      host: '127.0.0.1',
      port: 5555,
      token: undefined,
      store: 'persistent',
      allowRemoteProcess: false,
      names: [],
      scheduler: 'epvm',
      nodeTimeoutMs: undefined,
      workerAddresses: [],
    });
  });

  test('come from flags before variables', async () => {
    const environment = {
      CUBE_MANAGER_HOST: '10.0.0.1',
      CUBE_MANAGER_PORT: '7000',
      CUBE_DATA_DIR: '/var/lib/cube',
      CUBE_TOKEN: token,
    };
    expect(await resolveManagerSettings({ port: '7001' }, environment)).toMatchObject({
      host: '10.0.0.1',
      port: 7001,
      dataDir: '/var/lib/cube',
      token,
    });
  });

  test.each([
    [{ port: 'abc' }, '--port is "abc"; want a port from 1 to 65535, or 0 for any that is free.'],
    [{ port: '70000' }, '--port is "70000"'],
    [{ host: 'no host' }, '--host is "no host"; want a host name or an IP address.'],
    [{ store: 'etcd' }, '--store is "etcd"; want memory or persistent.'],
    [{ scheduler: 'best' }, '--scheduler is "best"; want one of epvm, greedy, roundrobin.'],
    [{ nodeTimeout: '15' }, '--node-timeout is "15"; want a duration with its unit'],
    [{ nodeTimeout: '100ms' }, 'at least 500 ms'],
    [{ dataDir: 'x'.repeat(4096) }, '--data-dir is "xxxx'],
    [{ workers: '' }, '--workers is "": one of the addresses is empty.'],
    [{ workers: 'a:1,,b:1' }, 'one of the addresses is empty.'],
    [{ workers: 'a:1,a:1' }, '"a:1" is there twice.'],
    [{ workers: 'a b' }, '"a b" is not host:port.'],
    [{ workers: 'localhost:5555' }, '"localhost:5555" is the address of the manager itself.'],
    [{ host: '0.0.0.0' }, 'Listening on 0.0.0.0 needs a token: whoever reaches the port can run'],
    [{ host: '::' }, 'Listening on :: needs a token'],
  ])('refuse %j by name', async (flags, message) => {
    await expect(resolveManagerSettings(flags, home)).rejects.toThrow(message);
    await expect(resolveManagerSettings(flags, home)).rejects.toMatchObject({
      code: 'configuration',
    });
  });

  test('take a list of workers as in the book', async () => {
    const workers = 'localhost:5556,10.0.0.2,[::1]:7000';
    const { workerAddresses } = await resolveManagerSettings({ workers }, home);
    expect(workerAddresses).toEqual([
      'http://localhost:5556',
      'http://10.0.0.2:5556',
      'http://[::1]:7000',
    ]);
  });

  test('need a place for the data', async () => {
    await expect(resolveManagerSettings({}, {})).rejects.toThrow('HOME is not set');
  });
});

describe('the settings of a worker', () => {
  test('have safe defaults', async () => {
    expect(await resolveWorkerSettings({}, home, 'box')).toMatchObject({
      host: '127.0.0.1',
      port: 5556,
      name: 'box',
      managerUrl: undefined,
      capacity: {},
      labels: {},
      bindRoots: [],
    });
  });

  test('read amounts, labels and folders', async () => {
    const flags = {
      manager: 'm:5555',
      advertise: 'http://box.lan:5556',
      cpu: '2.5',
      memory: '1GiB',
      label: ['zone=eu', 'empty='],
      allowBind: ['/srv'],
      processUser: '1000:1001',
      processWorkDir: '/srv/work',
    };
    expect(await resolveWorkerSettings(flags, home, 'box')).toMatchObject({
      managerUrl: 'http://m:5555',
      advertise: 'http://box.lan:5556',
      capacity: { cpu: 2.5, memory: 1024 ** 3 },
      labels: { zone: 'eu', empty: '' },
      bindRoots: ['/srv'],
      processUser: { userId: 1000, groupId: 1001 },
      processWorkDir: '/srv/work',
    });
  });

  test.each([
    [{ cpu: '0' }, '--cpu is "0"; want cores'],
    [{ memory: 'lots' }, '--memory is "lots"; want bytes'],
    [{ processUser: '-x' }, '--process-user is "-x"; want the name of a user'],
    [{ processWorkDir: 'work' }, '--process-work-dir is "work"; want the absolute path'],
    [{ name: 'a b' }, '--name is "a b"; want 1 to 63 letters'],
    [{ label: ['zone'] }, '--label is "zone"; want key=value'],
    [{ allowBind: ['srv'] }, '--allow-bind is "srv"; want the absolute path'],
    [{ allowBind: ['/srv/../etc'] }, '--allow-bind is "/srv/../etc"'],
    [{ manager: 'ftp://x' }, '--manager is "ftp://x"; want an address'],
    [{ manager: '5555' }, '--manager is "5555"; want an address'],
    [{ advertise: 'http://u@x' }, '--advertise is "http://u@x"; want an address'],
  ])('refuse %j by name', async (flags, message) => {
    await expect(resolveWorkerSettings(flags, home, 'box')).rejects.toThrow(message);
  });
});

describe('the settings of both together', () => {
  test('give each worker a name, a port and a directory of its own', async () => {
    const { manager, workers } = await resolveUpSettings(
      { workers: '2', workerPort: '6000' },
      home,
    );
    expect(manager).toMatchObject({ port: 5555, dataDir: '/home/u/.cube' });
    expect(workers).toMatchObject([
      { name: 'worker-1', host: '127.0.0.1', port: 6000, dataDir: '/home/u/.cube/worker-1' },
      { name: 'worker-2', host: '127.0.0.1', port: 6001, dataDir: '/home/u/.cube/worker-2' },
    ]);
  });

  test('keep all data and the token from every task', async () => {
    await using directory = await temporaryDirectory();
    const tokenFile = join(directory.path, 'token');
    await writeFile(tokenFile, token, { mode: 0o600 });
    const { workers } = await resolveUpSettings({ workers: '2', tokenFile }, home);
    for (const { privatePaths } of workers) {
      expect(privatePaths).toEqual(['/home/u/.cube', tokenFile]);
    }
  });

  test('keep workers on loopback when the manager is opened', async () => {
    const environment = { ...home, CUBE_TOKEN: token };
    const { manager, workers } = await resolveUpSettings({ host: '0.0.0.0' }, environment);
    expect(manager).toMatchObject({ host: '0.0.0.0', token });
    expect(workers).toMatchObject([{ host: '127.0.0.1', token }]);
  });

  test.each([
    [{ workers: '0' }, home, '--workers is "0"; want a whole number from 1 to 64.'],
    [{ workers: '9', workerPort: '65530' }, home, 'the last worker would have port 65538.'],
    [{ workerPort: 'x' }, home, '--worker-port is "x"'],
    [{}, { ...home, CUBE_WORKER_PORT: 'x' }, 'CUBE_WORKER_PORT is "x"'],
    [{}, { ...home, CUBE_WORKER_HOST: '0.0.0.0' }, 'Listening on 0.0.0.0 needs a token'],
  ])('refuse %j with %j', async (flags, environment, message) => {
    await expect(resolveUpSettings(flags, environment)).rejects.toThrow(message);
  });
});

describe('a token', () => {
  test('is read from a file of its owner alone, which goes before the variable', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'token');
    await writeFile(file, `${token}\n`, { mode: 0o600 });
    expect(await findToken(file, { CUBE_TOKEN: 'another-token-here' })).toBe(token);
    expect(await findToken(undefined, { CUBE_TOKEN: token })).toBe(token);
    expect(await findToken(undefined, {})).toBeUndefined();
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      await chmod(file, mode);
      await expect(findToken(file, {})).rejects.toThrow('can be read by others (mode 0');
    }
  });

  test('is never repeated when it is wrong', async () => {
    await expect(findToken(undefined, { CUBE_TOKEN: 'hush hush' })).rejects.toThrow(
      'The token from CUBE_TOKEN is not one: want 16 to 1,024 printable characters without spaces, got 9.',
    );
    await expect(findToken('/no/such/file', {})).rejects.toThrow(
      'The token file /no/such/file cannot be read',
    );
  });

  test('is not read from what is no short file', async () => {
    await using directory = await temporaryDirectory();
    await expect(findToken(directory.path, {})).rejects.toThrow('is not a file');
    const big = join(directory.path, 'big');
    await writeFile(big, 'a'.repeat(5000), { mode: 0o600 });
    await expect(findToken(big, {})).rejects.toThrow('is too long for a token');
    const link = join(directory.path, 'link');
    await symlink(big, link);
    await expect(findToken(link, {})).rejects.toThrow('is too long for a token');
  });
});
