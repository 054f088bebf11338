import { describe, expect, it } from 'vitest';
import { type Exploration, explore } from '../../src/simulation/exploration/explore.ts';
import type { Scope } from '../../src/simulation/exploration/scope.ts';
import { isLong, tell } from '../support/long-run.ts';
import { withMethods } from './planted/planted-bug.ts';

// The real manager and two real workers with one task, where not chance but every possibility is
// tried: in which order messages arrive and writes end, when a process dies, which message is lost
// or comes twice. What is bounded is told in docs/simulation.md.

const calm: Scope = {
  onNodeLost: 'replace',
  mayStop: false,
  crashCountMax: 0,
  copyCountMax: 0,
  lossCountMax: 0,
  depthMax: 120,
};

/** The scopes that are explored to their ends with every run of the tests. */
const small: readonly (readonly [name: string, scope: Scope])[] = [
  ['a task that runs, by order of events', { ...calm, isStrict: true }],
  ['a request that comes twice', { ...calm, copyCountMax: 1 }],
  ['a message that is lost', { ...calm, lossCountMax: 1 }],
];

/** What the long run explores, each as far as its share of the time reaches. */
const large: readonly (readonly [name: string, scope: Scope])[] = [
  ['a stop', { ...calm, mayStop: true }],
  ['a death', { ...calm, crashCountMax: 1 }],
  ['a death, where the task waits for its node', { ...calm, crashCountMax: 1, onNodeLost: 'wait' }],
  ['a stop, and a request that comes twice', { ...calm, mayStop: true, copyCountMax: 1 }],
  ['a stop, and a message that is lost', { ...calm, mayStop: true, lossCountMax: 1 }],
  ['a stop, and a death', { ...calm, mayStop: true, crashCountMax: 1 }],
  [
    'a stop, a death, a loss and a request that comes twice',
    { ...calm, mayStop: true, crashCountMax: 1, copyCountMax: 1, lossCountMax: 1 },
  ],
];

/** Of each of them every run of the tests sees so many states: the plainest path, and some beside. */
const STATE_COUNT_MAX = 60;

/** For all of them together, in milliseconds. */
const LARGE_MS = 540_000;

interface PlantedBug {
  readonly name: string;
  readonly checks: readonly string[];
  readonly scope: Scope;
}

const bugs: readonly PlantedBug[] = [
  {
    name: 'a submission is acknowledged before it is on the disk',
    checks: ['ack-durable', 'linearizable'],
    scope: {
      ...calm,
      crashCountMax: 1,
      patches: {
        managerStore: (store) =>
          withMethods(store, {
            transact: (transaction) => {
              store.transact(transaction).catch(() => undefined);
              return Promise.resolve();
            },
          }),
      },
    },
  },
  {
    name: 'orders that got lost are taken for delivered',
    checks: ['quiesce', 'stop-wins'],
    scope: {
      ...calm,
      lossCountMax: 1,
      patches: {
        link: (link) =>
          withMethods(link, {
            assign: (...args) => link.assign(...args).catch(() => undefined),
          }),
      },
    },
  },
];

/** The end, if it was reached, and nothing that broke on the way there. */
function expectKept({ failure }: Exploration): void {
  expect(failure?.violations, failure?.path.join(' → ')).toBeUndefined();
}

describe('every path of a small cluster', { timeout: 300_000 }, () => {
  it.for(small)('keeps all promises: %s', async ([, scope]) => {
    const exploration = await explore(scope);
    expectKept(exploration);
    expect(exploration).toMatchObject({ isComplete: true, cutCount: 0 });
    expect(exploration.pathCount).toBeGreaterThan(0);
  });

  it.for(large)('keeps all promises in its first states: %s', async ([, scope]) => {
    const exploration = await explore(scope, { stateCountMax: STATE_COUNT_MAX });
    expectKept(exploration);
    expect(exploration.stateCount).toBeGreaterThanOrEqual(STATE_COUNT_MAX);
  });

  it.for(bugs)('shows a planted bug: $name', async ({ checks, scope }) => {
    const { failure } = await explore(scope);
    expect(checks).toContain(/^\[(.+?)\]/.exec(failure?.violations[0] ?? '')?.[1]);
  });

  it.runIf(isLong)('keeps all promises, as far as time allows', { timeout: 900_000 }, async () => {
    const endsAt = performance.now() + LARGE_MS;
    for (const [index, [name, scope]] of large.entries()) {
      const now = performance.now();
      const shareEndsAt = now + (endsAt - now) / (large.length - index);
      const exploration = await explore(scope, { isOver: () => performance.now() > shareEndsAt });
      expectKept(exploration);
      const { failure: _, isComplete, ...counts } = exploration;
      console.log(`${name}: ${isComplete ? 'all' : 'not all'} explored`, counts);
      const { pathCount, stateCount, stepCount } = counts;
      tell({ exploredPaths: pathCount, exploredStates: stateCount, exploredSteps: stepCount });
    }
  });
});
