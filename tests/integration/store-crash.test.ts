import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { findBrokenPromise } from '../support/check-kept.ts';
import { isLong, tell } from '../support/long-run.ts';
import { runWriter } from '../support/run-writer.ts';
import { openTestStore, writeTask } from '../support/store-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const KILL_COUNT = isLong ? 300 : 20;

test(`a store that is killed ${KILL_COUNT} times keeps all that it acknowledged`, async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'cube.db');
  const random = new SeededRandom(20);
  const acknowledged = new Set<number>();
  let nextIndex = 0;
  for (let kill = 0; kill < KILL_COUNT; kill += 1) {
    // After so many bytes of output: at once, in the middle of a group, or much later.
    const killAfter = Math.floor(random.next() ** 2 * 8000);
    const run = await runWriter(
      {
        path,
        firstIndex: nextIndex,
        stages: [{ calls: 1 }, { calls: 7 }, { calls: 40 }],
        isEndless: true,
      },
      { onOutput: (output, kill) => output.length > killAfter && kill() },
    );
    expect(run.errorText).toBe('');
    expect(run.signal).toBe('SIGKILL');
    for (const index of run.acknowledged) acknowledged.add(index);
    expect(findBrokenPromise(path, acknowledged, { isInOrder: false })).toBeUndefined();
    // Calls that were not answered may be kept too: their numbers are not given out again.
    nextIndex = Math.max(nextIndex, ...acknowledged) + 100;
  }
  expect(acknowledged.size).toBeGreaterThan(KILL_COUNT);
  tell({ kills: KILL_COUNT });
}, 900_000);

test('a second process is refused by name, and gets the store once the first was killed', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'cube.db');
  let refusal: Promise<unknown> | undefined;
  const run = await runWriter(
    { path, stages: [{ calls: 1, pauseMs: 20 }], isEndless: true },
    {
      onOutput: (_output, kill) => {
        refusal ??= openTestStore(path).then(
          () => expect.fail('Two processes hold one store.'),
          (error: unknown) => {
            kill();
            return error;
          },
        );
      },
    },
  );
  expect(run.signal).toBe('SIGKILL');
  expect(await refusal).toMatchObject({
    code: 'storage-locked',
    message: expect.stringMatching(/held by process \d+, started \d{4}-\d\d-\d\dT/),
  });
  const store = await openTestStore(path);
  await expect(openTestStore(path)).rejects.toThrow('this very process');
  await writeTask(store, 5000);
  await store.close();
});
