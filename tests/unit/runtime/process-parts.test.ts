import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isCubeError } from '../../../src/errors/cube-error.ts';
import { findSocket } from '../../../src/runtime/port-holder.ts';
import { toLimitFiles } from '../../../src/runtime/process/control-group.ts';
import { toControlGroupMounts } from '../../../src/runtime/process/control-group-mounts.ts';
import { parseInstanceName } from '../../../src/runtime/process/instance-directory.ts';
import { assertProgramExists } from '../../../src/runtime/process/program-lookup.ts';
import { toEnvironmentScript } from '../../../src/runtime/process/shim.ts';
import { parseProcessStat } from '../../../src/runtime/process-identity.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('a line of /proc/PID/stat', () => {
  const rest = 'S 11 4711 4712 0 -1 4194304 85 0 0 0 7 5 0 0 20 0 1 0 192929 2654208 408';

  test.each(['sh', 'a b', ') S 1 (', 'x) R 9 9 9', '((((', 'a\nb'])(
    'of a program named %j',
    (name) => {
      expect(parseProcessStat(`4711 (${name}) ${rest}\n`)).toEqual({
        pid: 4711,
        startTicks: '192929',
        state: 'S',
        groupId: 4711,
        sessionId: 4712,
        cpuTicks: 12,
      });
    },
  );

  test.each(['', '4711', '4711 (sh', '4711 (sh) S 11', 'x (sh) S 1', '0 (sh) S 1'])(
    'that is %j is refused',
    (text) => {
      expect(parseProcessStat(text)).toBeUndefined();
    },
  );
});

describe('the hierarchies of control groups', () => {
  const first = [
    'cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0',
    'cgroup /sys/fs/cgroup/cpuacct cgroup rw,cpuacct 0 0',
    'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0',
    'cgroup /sys/fs/cgroup/freezer cgroup rw,freezer 0 0',
    'cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0',
    'cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0',
  ].join('\n');

  test('of a machine with the unified one only', () => {
    const mounts = 'cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0';
    expect(toControlGroupMounts(mounts, 'cpuset cpu io memory pids')).toEqual([
      {
        path: '/sys/fs/cgroup',
        version: 2,
        controllers: ['tracker', 'memory', 'cpu', 'pids', 'cpuacct'],
      },
    ]);
  });

  test('of a machine of the first version only', () => {
    const found = toControlGroupMounts(first, '');
    expect(found.map(({ path, controllers }) => [path.split('/').at(-1), ...controllers])).toEqual([
      ['cpu', 'cpu'],
      ['cpuacct', 'cpuacct'],
      ['memory', 'memory'],
      ['freezer', 'tracker'],
      ['pids', 'pids'],
    ]);
  });

  test('of a machine with both: each controller where it is', () => {
    const both = `${first}\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0`;
    const found = toControlGroupMounts(both, 'hugetlb');
    expect(found[0]).toEqual({
      path: '/sys/fs/cgroup/unified',
      version: 2,
      controllers: ['tracker'],
    });
    expect(found.flatMap((mount) => mount.controllers).toSorted()).toEqual(
      ['cpu', 'cpuacct', 'memory', 'pids', 'tracker'].toSorted(),
    );
  });

  test('of a machine without any', () => {
    expect(toControlGroupMounts('proc /proc proc rw 0 0', '')).toEqual([]);
  });
});

describe('the limits of a control group', () => {
  const limits = { cpu: 0.5, memoryBytes: 64_000_000, pidsMax: 512 };
  const controllers = ['tracker', 'memory', 'cpu', 'pids'] as const;

  test('in the unified hierarchy', () => {
    expect(toLimitFiles({ path: '', version: 2, controllers }, limits)).toEqual([
      { file: 'pids.max', value: '512' },
      { file: 'memory.max', value: '64000000' },
      { file: 'memory.swap.max', value: '0', isOptional: true },
      { file: 'cpu.max', value: '50000 100000' },
    ]);
  });

  test('in hierarchies of the first version', () => {
    expect(toLimitFiles({ path: '', version: 1, controllers }, limits)).toEqual([
      { file: 'pids.max', value: '512' },
      { file: 'memory.limit_in_bytes', value: '64000000' },
      { file: 'memory.memsw.limit_in_bytes', value: '64000000', isOptional: true },
      { file: 'cpu.cfs_period_us', value: '100000' },
      { file: 'cpu.cfs_quota_us', value: '50000' },
    ]);
  });

  test('are never below what the kernel takes, and absent where none is asked for', () => {
    const small = { cpu: 0.001, memoryBytes: undefined, pidsMax: 1 };
    expect(toLimitFiles({ path: '', version: 2, controllers }, small)).toEqual([
      { file: 'pids.max', value: '1' },
      { file: 'cpu.max', value: '1000 100000' },
    ]);
    const none = { cpu: undefined, memoryBytes: undefined, pidsMax: 1 };
    expect(toLimitFiles({ path: '', version: 2, controllers: ['tracker'] }, none)).toEqual([]);
  });
});

describe('a socket in the way', () => {
  const header =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode';
  const row = (local: string, state: string): string =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 0 0 4242 1 0`;
  const wanted = { container: 8080, host: 8080, protocol: 'tcp', address: '127.0.0.1' } as const;
  const find = (line: string, port: Partial<typeof wanted> & object = {}) =>
    findSocket(`${header}\n${line}\n`, { ...wanted, ...port });

  test('listens on the same address', () => {
    expect(find(row('0100007F:1F90', '0A'))).toEqual({ address: '127.0.0.1', inode: '4242' });
  });

  test('listens on every address', () => {
    expect(find(row('00000000:1F90', '0A'))?.address).toBe('0.0.0.0');
    const six = '0'.repeat(32);
    expect(find(row(`${six}:1F90`, '0A'))?.address).toBe('::');
  });

  test('is not one on another port or address, nor one that is only connected', () => {
    expect(find(row('0100007F:1F91', '0A'))).toBeUndefined();
    expect(find(row('0200007F:1F90', '0A'))).toBeUndefined();
    expect(find(row('0100007F:1F90', '01'))).toBeUndefined();
  });

  test('is found whichever way an IPv6 address is written', () => {
    const loopback = '00000000000000000000000001000000';
    const port = { container: 8080, host: 8080, protocol: 'tcp', address: '::1' } as const;
    expect(findSocket(`${header}\n${row(`${loopback}:1F90`, '0A')}`, port)?.address).toBe(
      '0:0:0:0:0:0:0:1',
    );
  });
});

test('the environment reaches a shell as it was, whatever the values hold', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'environment');
  const value = fc
    .string({ unit: 'binary', maxLength: 50 })
    .filter((text) => !text.includes('\0') && text.isWellFormed());
  await fc.assert(
    fc.asyncProperty(value, value, async (one, other) => {
      await writeFile(file, toEnvironmentScript({ ONE: one, OTHER: other }));
      const print = '. "$0"; printf "%s\\0%s" "$ONE" "$OTHER"';
      const { stdout } = await promisify(execFile)('/bin/sh', ['-c', print, file]);
      expect(stdout).toBe(`${one}\0${other}`);
    }),
    { numRuns: 50 },
  );
});

test.each([
  [
    '266592cd-960d-4091-981c-8c25c44b1018.3',
    { taskId: '266592cd-960d-4091-981c-8c25c44b1018', attempt: 3 },
  ],
  ['.new-266592cd-960d-4091-981c-8c25c44b1018', undefined],
  ['../../etc.1', undefined],
  ['266592cd-960d-4091-981c-8c25c44b1018', undefined],
])('the name %s stands for %j', (name, key) => {
  expect(parseInstanceName(name)).toEqual(key);
});

describe('a program', () => {
  test('is looked for in every folder of the search path, and named with it when missing', async () => {
    await using directory = await temporaryDirectory();
    const { path } = directory;
    await mkdir(join(path, 'second'));
    await writeFile(join(path, 'second', 'tool'), '#!/bin/sh\n', { mode: 0o755 });
    const searchPath = `/nowhere:${path}/second`;
    await assertProgramExists('tool', { searchPath, directory: path });
    await assertProgramExists('second/tool', { searchPath: '', directory: path });
    const missing: unknown = await assertProgramExists('toll', {
      searchPath,
      directory: path,
    }).catch((error: unknown) => error);
    expect(isCubeError(missing, 'runtime-failed')).toBe(true);
    expect(String(missing)).toContain(`The program toll was not found in PATH (${searchPath}).`);
  });

  test('is never a folder', async () => {
    const options = { searchPath: '/', directory: '/' };
    await expect(assertProgramExists('/tmp', options)).rejects.toThrow('was not found');
  });
});
