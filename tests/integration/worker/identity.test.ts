import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../../src/lib/random.ts';
import { loadWorkerIdentity, saveWorkerIdentity } from '../../../src/worker/identity.ts';
import { createMachineStats, machineCapacity } from '../../../src/worker/machine-stats.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const CLUSTER = 'c1c1c1c1-0000-4000-8000-000000000001';

describe('the identity of a worker', () => {
  test('is made once and read ever after', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'data', 'identity.json');
    const first = await loadWorkerIdentity(path, systemRandom);
    expect(await loadWorkerIdentity(path, systemRandom)).toEqual(first);
    await saveWorkerIdentity(path, { ...first, cluster: CLUSTER });
    expect(await loadWorkerIdentity(path, systemRandom)).toEqual({ ...first, cluster: CLUSTER });
  });

  test('is for its owner alone, whatever the umask', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'data', 'identity.json');
    const before = process.umask(0o277);
    try {
      await mkdir(join(directory.path, 'data'), { mode: 0o700 });
      await chmod(join(directory.path, 'data'), 0o700);
      await loadWorkerIdentity(path, systemRandom);
    } finally {
      process.umask(before);
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('leaves no rest of an interrupted write, and is not disturbed by one', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'identity.json');
    await writeFile(`${path}.tmp`, '{"id": "half');
    await loadWorkerIdentity(path, systemRandom);
    expect(await readdir(directory.path)).toEqual(['identity.json']);
  });

  test.each([
    ['empty', ''],
    ['cut off', '{"id":"aaaaaaaa-0000-40'],
    ['not JSON', 'id=7'],
    ['without an id', '{"cluster":"c1c1c1c1-0000-4000-8000-000000000001"}'],
    ['with an id that is none', '{"id":"worker-1"}'],
    ['a list', '[]'],
    ['large', JSON.stringify({ id: systemRandom.uuid(), junk: 'x'.repeat(100_000) })],
  ])('that is %s is refused, and left as it is', async (_, text) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'identity.json');
    await writeFile(path, text);
    await expect(loadWorkerIdentity(path, systemRandom)).rejects.toMatchObject({
      code: 'storage-damaged',
      message: expect.stringContaining(path),
    });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('that is a directory is refused', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'identity.json');
    await mkdir(path);
    await expect(loadWorkerIdentity(path, systemRandom)).rejects.toMatchObject({
      code: 'storage-failed',
    });
  });
});

describe('the figures of the machine', () => {
  test('are within what the machine has', async () => {
    await using directory = await temporaryDirectory();
    const capacity = await machineCapacity(directory.path);
    const machine = createMachineStats(directory.path);
    for (const sample of [await machine.sample(), await machine.sample()]) {
      expect(sample.used.cpu).toBeGreaterThanOrEqual(0);
      expect(sample.used.cpu).toBeLessThanOrEqual(capacity.cpu);
      expect(sample.used.memory).toBeGreaterThan(0);
      expect(sample.used.disk).toBeGreaterThan(0);
      expect(sample.used.disk).toBeLessThanOrEqual(capacity.disk);
      expect(sample.load).toBeGreaterThanOrEqual(0);
    }
  });

  test('show a busy machine as busier than an idle one could be', async () => {
    await using directory = await temporaryDirectory();
    const machine = createMachineStats(directory.path);
    await machine.sample();
    const until = performance.now() + 300;
    while (performance.now() < until);
    expect((await machine.sample()).used.cpu).toBeGreaterThan(0.3);
  });
});
