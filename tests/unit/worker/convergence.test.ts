import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import type { Assignments, StreamItem } from '../../../src/link/protocol.ts';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Worker } from '../../../src/worker/worker.ts';
import { key, orders, StreamReader, WORKER, WorkerHarness } from './worker-harness.ts';

// Whatever is ordered in whatever order, repeated, cut off by crashes, outages, full disks and lost events:
//   - a task never has two running instances here, let alone one attempt;
//   - in the end exactly what is wanted runs;
//   - an attempt ends once, and what was reported of its end never changes;
//   - an attempt that ended never starts again.

type Action =
  | { readonly type: 'run' | 'stop' | 'forget'; readonly task: number; readonly attempt: number }
  | { readonly type: 'repeat'; readonly which: number }
  | { readonly type: 'exit' | 'kill' | 'remove'; readonly task: number }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'crash'; readonly ticks: number }
  | { readonly type: 'lose-events' | 'outage' | 'disk-full'; readonly on: boolean };

const task = fc.integer({ min: 1, max: 3 });
const attempt = fc.integer({ min: 1, max: 3 });

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('run' as const), task, attempt }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('stop' as const), task, attempt }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('forget' as const), task, attempt }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('repeat' as const), which: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom('exit', 'kill', 'remove'), task }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.nat(3000) }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('crash' as const), ticks: fc.nat(30) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('lose-events', 'outage', 'disk-full'),
      on: fc.boolean(),
    }),
  },
);

type Wish = 'running' | 'stopped' | 'forgotten';

/** What orders mean, written down once more and plainly. */
class WishModel {
  readonly #tasks = new Map<string, Map<number, Wish>>();

  take(assignments: Assignments): void {
    for (const order of assignments.run) {
      const known = this.#of(order.taskId);
      if ([...known.keys()].some((one) => one >= order.attempt)) continue;
      for (const [older, wish] of known) if (wish === 'running') known.set(older, 'stopped');
      known.set(order.attempt, 'running');
    }
    for (const { taskId, attempt: number } of assignments.stop) {
      const known = this.#of(taskId);
      if (known.get(number) !== 'forgotten') known.set(number, 'stopped');
    }
    for (const { taskId, attempt: number } of assignments.forget) {
      this.#of(taskId).set(number, 'forgotten');
    }
  }

  wanted(): readonly string[] {
    return [...this.#wishes()].filter(([, wish]) => wish === 'running').map(([name]) => name);
  }

  wish(name: string): Wish | undefined {
    return new Map(this.#wishes()).get(name);
  }

  *#wishes(): Generator<readonly [string, Wish]> {
    for (const [taskId, attempts] of this.#tasks) {
      for (const [number, wish] of attempts) yield [nameOf({ taskId, attempt: number }), wish];
    }
  }

  #of(taskId: string): Map<number, Wish> {
    let known = this.#tasks.get(taskId);
    if (known === undefined) {
      known = new Map();
      this.#tasks.set(taskId, known);
    }
    return known;
  }
}

class FullableStore extends MemoryStore {
  isFull = false;

  override async transact(transaction: Parameters<MemoryStore['transact']>[0]): Promise<void> {
    if (this.isFull) throw new CubeError('storage-full', 'The disk is full.');
    await super.transact(transaction);
  }
}

class Run {
  readonly store = new FullableStore();
  readonly harness = new WorkerHarness({
    store: this.store,
    policy: (_, random) => ({
      startMs: Math.floor(random.next() * 1500),
      stopMs: Math.floor(random.next() * 800),
      startReplyLost: random.next() < 0.1,
    }),
  });
  readonly model = new WishModel();
  /** Ended by meddling: they must not come back. */
  readonly dead = new Set<string>();
  readonly ends = new Map<string, string>();
  readonly sent: Assignments[] = [];
  #worker: Worker | undefined;
  #reader: StreamReader | undefined;
  #cursor = 0;

  async boot(): Promise<void> {
    this.#worker = await this.harness.boot();
    this.#reader = new StreamReader(this.#worker, this.#cursor);
  }

  async act(step: Action): Promise<void> {
    switch (step.type) {
      case 'run':
        return await this.#assign(orders({ run: [key(step.task, step.attempt)] }));
      case 'stop':
        return await this.#assign(orders({ stop: [key(step.task, step.attempt)] }));
      case 'forget':
        return await this.#assign(orders({ forget: [key(step.task, step.attempt)] }));
      case 'repeat': {
        const again = this.sent[step.which % Math.max(1, this.sent.length)];
        return again === undefined ? undefined : await this.#assign(again);
      }
      case 'advance':
        return await this.harness.advance(step.ms);
      case 'crash':
        return await this.#crash(step.ticks);
      case 'lose-events':
        return this.harness.world.loseEvents(WORKER, step.on);
      case 'disk-full':
        this.store.isFull = step.on;
        return undefined;
      case 'outage':
        return this.harness.world.setOutage(WORKER, step.on ? 'away' : undefined);
      default:
        return this.#meddle(step);
    }
  }

  async heal(): Promise<void> {
    this.harness.world.loseEvents(WORKER, false);
    this.harness.world.setOutage(WORKER);
    this.store.isFull = false;
    await this.harness.advance(60_000);
    this.readReports();
  }

  readReports(): void {
    for (const item of this.#reader?.items ?? []) this.#read(item);
  }

  async #assign(assignments: Assignments): Promise<void> {
    this.sent.push(assignments);
    try {
      await this.#worker?.assign(assignments);
      this.model.take(assignments);
    } catch (error) {
      if (!this.store.isFull) throw error;
    }
  }

  async #crash(ticks: number): Promise<void> {
    for (let tick = 0; tick < ticks; tick += 1) await null;
    this.readReports();
    this.harness.crash();
    await this.boot();
  }

  #meddle(step: { readonly type: 'exit' | 'kill' | 'remove'; readonly task: number }): void {
    const seen = this.#worker?.list().observations.filter(({ phase }) => phase === 'running');
    const running = this.harness.running().find((name) => name.startsWith(`${step.task}/`));
    const target = seen?.find((one) => nameOf(one) === running);
    if (running === undefined || target === undefined) return;
    this.dead.add(running);
    const whole = { ...target, worker: WORKER };
    if (step.type === 'exit') this.harness.world.exit(whole, 3);
    if (step.type === 'kill') this.harness.world.kill(whole);
    if (step.type === 'remove') this.harness.world.removeBehindBack(whole);
  }

  #read(item: StreamItem): void {
    if (item.type !== 'report') return;
    this.#cursor = Math.max(this.#cursor, item.sequence);
    const { observation } = item;
    const name = nameOf(observation);
    // A late stop of what was forgotten is confirmed anew, in other words.
    if (this.model.wish(name) === 'forgotten') return;
    const ended = JSON.stringify(observation.ended);
    const before = this.ends.get(name);
    if (before !== undefined) expect(ended, `the end of ${name} stays as reported`).toBe(before);
    if (observation.ended !== undefined) this.ends.set(name, ended);
  }
}

function nameOf(one: { readonly taskId: string; readonly attempt: number }): string {
  return `${Number(one.taskId.slice(-12))}/${one.attempt}`;
}

describe('a worker under any sequence of orders and faults', () => {
  test('runs exactly what is wanted in the end, one attempt of a task at a time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 30 }), async (actions) => {
        const run = new Run();
        await run.boot();
        for (const step of actions) await run.act(step);
        await run.heal();
        const wanted = run.model.wanted().filter((name) => !run.dead.has(name));
        expect(run.harness.running()).toEqual(wanted.sort());
        const runningByTask = new Map<string, string>();
        const startCounts = new Map<string, number>();
        for (const record of run.harness.world.history) {
          const name = nameOf(record);
          if (record.type === 'started') {
            expect(runningByTask.get(record.taskId), `nothing runs when ${name} starts`).toBe(
              undefined,
            );
            runningByTask.set(record.taskId, name);
            startCounts.set(name, (startCounts.get(name) ?? 0) + 1);
          } else if (record.type === 'ended' || record.type === 'removed') {
            if (runningByTask.get(record.taskId) === name) runningByTask.delete(record.taskId);
          }
        }
        for (const [name, count] of startCounts) expect(count, `${name} starts once`).toBe(1);
        for (const name of run.dead) {
          if (run.model.wish(name) === 'forgotten') continue;
          expect(run.ends.get(name), `the end of ${name} is reported`).toBeDefined();
        }
      }),
      { numRuns: 400 },
    );
  });
});
