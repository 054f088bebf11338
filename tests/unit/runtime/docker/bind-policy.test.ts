import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BindPolicy } from '../../../../src/runtime/docker/bind-policy.ts';
import { parseDockerHost } from '../../../../src/runtime/docker/docker-host.ts';
import { temporaryDirectory } from '../../../support/temporary-directory.ts';

const host = parseDockerHost('/nowhere/docker.sock');

function policy(roots: readonly string[], forbiddenPaths: readonly string[] = []): BindPolicy {
  return new BindPolicy({ roots, forbiddenPaths, host });
}

function bind(source: string) {
  return { source, target: '/data', readOnly: false };
}

describe('a bind', () => {
  test('below an allowed root is mounted from where it really leads', async () => {
    await using folder = await temporaryDirectory();
    await mkdir(join(folder.path, 'real'));
    await symlink(join(folder.path, 'real'), join(folder.path, 'link'));
    const mounts = await policy([folder.path]).resolve([bind(join(folder.path, 'link'))]);
    expect(mounts).toEqual([
      { source: join(folder.path, 'real'), target: '/data', readOnly: false },
    ]);
  });

  test('of the root itself, or of a file, is allowed', async () => {
    await using folder = await temporaryDirectory();
    await writeFile(join(folder.path, 'file'), '');
    const binds = [bind(folder.path), bind(join(folder.path, 'file'))];
    expect(await policy([`${folder.path}/`]).resolve(binds)).toHaveLength(2);
  });

  test('is refused where no root is allowed, or only another', async () => {
    await using folder = await temporaryDirectory();
    await mkdir(join(folder.path, 'a'));
    await mkdir(join(folder.path, 'ab'));
    const refused = expect.objectContaining({ code: 'not-allowed' });
    await expect(policy([]).resolve([bind(folder.path)])).rejects.toEqual(refused);
    const narrow = policy([join(folder.path, 'a')]);
    await expect(narrow.resolve([bind(join(folder.path, 'ab'))])).rejects.toEqual(refused);
    await expect(narrow.resolve([bind(folder.path)])).rejects.toEqual(refused);
  });

  test('that leads out of the root by a link is refused', async () => {
    await using folder = await temporaryDirectory();
    await using outside = await temporaryDirectory();
    await symlink(outside.path, join(folder.path, 'link'));
    await expect(policy([folder.path]).resolve([bind(join(folder.path, 'link'))])).rejects.toThrow(
      `leads to ${outside.path}`,
    );
  });

  test.each(['/', '/proc', '/proc/1', '/sys/kernel', '/dev', '/etc/ssl', '/var', '/run'])(
    'of %s is refused even where everything is allowed',
    async (source) => {
      const all = new BindPolicy({
        roots: ['/'],
        forbiddenPaths: ['/run/containerd', '/var/lib/docker'],
        host: parseDockerHost('/var/run/docker.sock'),
      });
      await expect(all.resolve([bind(source)])).rejects.toEqual(
        expect.objectContaining({ code: 'not-allowed' }),
      );
    },
  );

  test('of a folder that is forbidden, is in one, or holds one, is refused', async () => {
    await using folder = await temporaryDirectory();
    const data = join(folder.path, 'shared/cube-data');
    await mkdir(join(data, 'worker'), { recursive: true });
    await mkdir(join(folder.path, 'shared/other'));
    const strict = policy([folder.path], [data]);
    for (const source of [data, join(data, 'worker'), join(folder.path, 'shared'), folder.path]) {
      await expect(strict.resolve([bind(source)])).rejects.toThrow('never shown');
    }
    expect(await strict.resolve([bind(join(folder.path, 'shared/other'))])).toHaveLength(1);
  });

  test('of a socket is refused, whatever its name', async () => {
    await using folder = await temporaryDirectory();
    const path = join(folder.path, 'innocent');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await expect(policy([folder.path]).resolve([bind(path)])).rejects.toThrow('plain files');
    await new Promise((resolve) => server.close(resolve));
  });

  test('of what does not exist is refused, saying so', async () => {
    await using folder = await temporaryDirectory();
    await expect(policy([folder.path]).resolve([bind(join(folder.path, 'no'))])).rejects.toEqual(
      expect.objectContaining({
        code: 'runtime-failed',
        message: expect.stringContaining('does not exist'),
      }),
    );
  });

  test('is refused for an engine on another machine', async () => {
    const remote = new BindPolicy({
      roots: ['/'],
      forbiddenPaths: [],
      host: parseDockerHost('tcp://10.0.0.5:2375'),
    });
    await expect(remote.resolve([bind('/srv')])).rejects.toThrow('reached by network');
    expect(await remote.resolve([])).toEqual([]);
  });
});
