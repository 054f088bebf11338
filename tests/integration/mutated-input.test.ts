import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { isLong, tell } from '../support/long-run.ts';
import { MutatedRequests, type Wrong } from '../support/mutated-requests.ts';
import { serveManager } from '../support/served-manager.ts';

// Requests that are almost right, by the thousand, against a real manager over HTTP. To run them
// again, or more of them:
//
//   CUBE_SEED=17 npx vitest run --project integration tests/integration/mutated-input.test.ts
//
// CUBE_LONG=1 sends 100,000, others each time. What must hold of each reply is in mutated-requests.ts; here is what
// must hold of the manager after every round.

const seed = Number(process.env['CUBE_SEED'] ?? (isLong ? Date.now() % 2 ** 31 : 1));
const ROUND = 500;
const roundCount = isLong ? 200 : 20;
const requestCount = ROUND * roundCount;

/** Above what a busy machine adds to a request that costs nothing. */
const HANG_MS = 10_000;
const SLOW_MS = 1000;
const HEAP_GROWTH_BYTES_MAX = 20 * 1024 ** 2;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** The heap in use once nothing is left that could be let go. */
async function heapBytes(): Promise<number> {
  for (let pass = 0; pass < 3; pass += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

const tally: Record<string, number> = {};
const times = { slow: 0, worstMs: 0 };

afterAll(() => {
  tell({ 'mutated requests': requestCount });
  const statuses = Object.entries(tally).map(([status, count]) => `${count} × ${status}`);
  process.stdout.write(
    `${requestCount} mutated requests, CUBE_SEED=${seed}: ${statuses.join(', ')}; ` +
      `${times.slow} took over a second, the longest ${Math.round(times.worstMs)} ms\n`,
  );
});

describe(`${requestCount} mutated requests`, () => {
  test('are each refused at a field that there is or read back, and leave no trace else', async () => {
    // What has ended goes a minute later, so that only what is forgotten by mistake adds up.
    const retention = { finishedAgeMs: 30_000, eventAgeMs: 30_000 };
    await using served = await serveManager({ retention });
    const requests = new MutatedRequests(served);
    let heapAfterFirst = 0;
    for (let round = 0; round < roundCount; round += 1) {
      await fc.assert(
        fc.asyncProperty(requests.arbitrary, async (request) => {
          const { answer, wrong } = await requests.send(request);
          tally[answer.status] = (tally[answer.status] ?? 0) + 1;
          times.worstMs = Math.max(times.worstMs, answer.tookMs);
          if (answer.tookMs > SLOW_MS) times.slow += 1;
          expect(answer.tookMs).toBeLessThan(HANG_MS);
          expect(wrong).toEqual<readonly Wrong[]>([]);
        }),
        { seed: seed + round, numRuns: ROUND, endOnFailure: false },
      );
      expect(await requests.findHalfAccepted(), `CUBE_SEED=${seed}`).toEqual([]);
      await requests.stopAll();
      expect(await requests.findGaps(), `CUBE_SEED=${seed}`).toEqual([]);
      await served.clock.advance(120_000);
      if (round === 0) heapAfterFirst = await heapBytes();
    }
    expect(served.errors).toEqual([]);
    expect(tally['201']).toBeGreaterThan(requestCount / 50);
    expect(tally['400']).toBeGreaterThan(requestCount / 5);
    const growth = (await heapBytes()) - heapAfterFirst;
    process.stdout.write(`The heap grew by ${Math.round(growth / 1024)} KiB.\n`);
    expect(growth).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
  }, 1_800_000);
});
