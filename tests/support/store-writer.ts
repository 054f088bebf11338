import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { openSqliteStoreWith } from '../../src/store/sqlite/sqlite-store.ts';
import { testCollections, writeTask } from './store-files.ts';

/**
 * A program that writes numbered transactions into a store and says on standard output, one line
 * each and without a buffer, how each ended: `ACK 7 12.3` (milliseconds from call to end) or
 * `FAIL 7 storage-full`. `OPEN`, `CLOSED` and `DONE` mark the stages. For the tests that kill it,
 * trace it or fail its system calls.
 *
 * Its one argument is a JSON array of stages, each `{calls, pauseMs?, reopen?}`: so many calls at
 * once, a wait, closing and opening again.
 */
export interface WriterPlan {
  readonly path: string;
  readonly synchronous?: 'FULL' | 'OFF';
  readonly firstIndex?: number;
  readonly stages: readonly WriterStage[];
  /** Begin again with the stages when they are through, until killed. */
  readonly isEndless?: boolean;
  /** End without closing the store. */
  readonly isAbrupt?: boolean;
}

export interface WriterStage {
  readonly calls: number;
  readonly pauseMs?: number;
  readonly reopen?: boolean;
}

const plan: WriterPlan = JSON.parse(process.argv[2] ?? '');
/** At once, so that whoever kills this process has been told of all that it acknowledged. */
function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      // The pipe is full: its reader is busy.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
}

const open = () =>
  openSqliteStoreWith(
    { path: plan.path, role: 'manager', collections: testCollections },
    plan.synchronous ?? 'FULL',
  );

let store = await open();
say('OPEN');
let index = plan.firstIndex ?? 0;
do {
  for (const { calls, pauseMs = 0, reopen = false } of plan.stages) {
    const first = index;
    index += calls;
    await Promise.all(
      Array.from({ length: calls }, async (_, offset) => {
        const calledAt = performance.now();
        try {
          await writeTask(store, first + offset);
          say(`ACK ${first + offset} ${performance.now() - calledAt}`);
        } catch (error) {
          say(`FAIL ${first + offset} ${isCubeError(error) ? error.code : error}`);
        }
      }),
    );
    if (pauseMs > 0) await pause(pauseMs);
    if (reopen) {
      await store.close();
      say('CLOSED');
      store = await open();
      say('OPEN');
    }
  }
} while (plan.isEndless === true);
say('DONE');
if (plan.isAbrupt === true) process.exit(0);
await store.close();
say('CLOSED');
