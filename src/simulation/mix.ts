import { schedulerNames } from '../scheduler/scheduler.ts';
import type { WorkerOptions } from '../worker/worker.ts';
import { Dice } from './dice.ts';
import { type FaultKind, faultKinds } from './faults/fault-kinds.ts';
import { calm, type NetworkWeather } from './network/simulated-network.ts';

/** What one seed is about: drawn first, so that seeds differ in kind and not only in detail. */
export interface Mix {
  readonly nodeCount: number;
  readonly scheduler: (typeof schedulerNames)[number];
  readonly nodeTimeoutMs: number;
  readonly faults: readonly FaultKind[];
  /** Mean time between two faults, in milliseconds. */
  readonly faultEveryMs: number;
  /** Mean time between two requests of clients, in milliseconds. */
  readonly requestEveryMs: number;
  readonly taskCount: number;
  /** Whether tasks are also given to workers directly. */
  readonly hasStandalone: boolean;
  readonly weather: NetworkWeather;
  readonly diskDelayMs: number;
  /** The longest a read takes, in milliseconds. */
  readonly readDelayMs: number;
  /** What an operator may set as well, drawn at the edges of what makes sense. */
  readonly worker: Pick<WorkerOptions, 'startConcurrency' | 'compareMs' | 'probeMs'>;
  /** How the events of runtimes are told. */
  readonly told: { readonly lateMs: number; readonly twice: number };
  /** How far the wall clock of a machine is off at most, in milliseconds, before any steps. */
  readonly clockSkewMs: number;
  /** Shares of starts that are slow, fail, or succeed without anybody hearing of it. */
  readonly starts: { readonly slow: number; readonly fail: number; readonly unheard: number };
  readonly ignoresStop: number;
  /** How many events and finished tasks are kept. */
  readonly kept: { readonly events: number; readonly finished: number };
  /** How long faults go on, in milliseconds. */
  readonly troubleMs: number;
}

export function drawMix(seed: number): Mix {
  const dice = new Dice(seed, 'mix');
  const isSingle = dice.chance(1 / 3);
  const only = dice.pick(faultKinds);
  const many = faultKinds.filter(() => dice.chance(0.45));
  const isNetworkBad = !isSingle && dice.chance(0.6);
  const isRough = !isSingle && dice.chance(0.6);
  return {
    nodeCount: dice.between(1, 5),
    scheduler: dice.pick(schedulerNames),
    nodeTimeoutMs: dice.pick([2000, 5000, 15_000]),
    faults: isSingle ? [only] : many,
    faultEveryMs: dice.pick([1000, 4000, 15_000]),
    requestEveryMs: dice.pick([300, 1500, 6000]),
    taskCount: dice.pick([8, 25, 50]),
    hasStandalone: dice.chance(0.3),
    weather: isNetworkBad ? drawWeather(dice) : { ...calm, delayMs: 5, timeoutMs: 10_000 },
    diskDelayMs: dice.pick([0, 3, 40, 400]),
    starts: isRough
      ? { slow: dice.pick([0, 0.3]), fail: dice.pick([0, 0.1]), unheard: dice.pick([0, 0.1]) }
      : { slow: 0, fail: 0, unheard: 0 },
    ignoresStop: isRough ? dice.pick([0, 0.3]) : 0,
    kept: dice.pick([
      { events: 100_000, finished: 10_000 },
      { events: 60, finished: 5 },
      { events: 300, finished: 1 },
    ]),
    clockSkewMs: dice.pick([0, 1000, 365 * 86_400_000]),
    troubleMs: dice.pick([60_000, 180_000, 300_000]),
    readDelayMs: dice.pick([0, 0, 30]),
    worker: dice.pick([
      {},
      {},
      { startConcurrency: 1, compareMs: 60_000 },
      { startConcurrency: 1, compareMs: 2000, probeMs: 1000 },
    ]),
    told: dice.pick([
      { lateMs: 0, twice: 0 },
      { lateMs: 5000, twice: 0.3 },
    ]),
  };
}

function drawWeather(dice: Dice): NetworkWeather {
  return {
    loss: dice.pick([0, 0.05, 0.3]),
    repeat: dice.pick([0, 0.1, 0.5]),
    delayMs: dice.pick([10, 200, 5000]),
    lateMs: dice.pick([1000, 60_000]),
    stall: dice.pick([0, 0.02]),
    timeoutMs: dice.pick([3000, 30_000]),
  };
}

/** The same mix without what goes wrong although no fault strikes. */
export function withoutMishaps(mix: Mix): Mix {
  return {
    ...mix,
    weather: { ...calm, delayMs: 5, timeoutMs: 10_000 },
    starts: { slow: 0, fail: 0, unheard: 0 },
    ignoresStop: 0,
  };
}
