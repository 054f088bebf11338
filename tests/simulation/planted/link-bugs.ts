import type { AttemptKey, Observation, StreamItem } from '../../../src/link/protocol.ts';
import type { WorkerLink } from '../../../src/manager/worker-link.ts';
import { type PlantedBug, withMethods } from './planted-bug.ts';

/** A link of which every observation is changed, or left out. */
function observing(
  link: WorkerLink,
  change: (seen: Observation) => Observation | undefined,
): Partial<WorkerLink> {
  return {
    list: async (...args) => {
      const list = await link.list(...args);
      return { ...list, observations: list.observations.flatMap((one) => change(one) ?? []) };
    },
    async *reports(...args): AsyncGenerator<StreamItem> {
      for await (const item of link.reports(...args)) {
        if (item.type !== 'report') yield item;
        else {
          const observation = change(item.observation);
          if (observation !== undefined) yield { ...item, observation };
        }
      }
    },
  };
}

const noted = (attempts: Map<string, number>, { taskId, attempt }: AttemptKey): void => {
  attempts.set(taskId, Math.max(attempt, attempts.get(taskId) ?? 0));
};

async function untilAnswered<Reply>(
  signal: AbortSignal,
  ask: () => Promise<Reply>,
): Promise<Reply> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted) throw error;
    }
  }
}

export const linkBugs: readonly PlantedBug[] = [
  {
    name: 'ignored attempt: what an older attempt did is taken for the newest',
    checks: ['running-true', 'no-unknown', 'at-most-one', 'one-per-attempt', 'quiesce', 'reason'],
    seedCountMax: 30,
    plant: () => {
      const attempts = new Map<string, number>();
      return {
        link: (link) =>
          withMethods(link, {
            assign: (address, orders, signal) => {
              for (const one of orders.run) noted(attempts, one);
              return link.assign(address, orders, signal);
            },
            ...observing(link, (seen) => ({
              ...seen,
              attempt: Math.max(seen.attempt, attempts.get(seen.taskId) ?? 0),
            })),
          }),
      };
    },
  },
  {
    name: 'double start: an order to run goes to a second node too',
    checks: ['one-per-attempt', 'at-most-one', 'no-unknown'],
    seedCountMax: 10,
    plant: () => {
      const addresses = new Set<string>();
      return {
        link: (link) =>
          withMethods(link, {
            assign: async (address, orders, signal) => {
              addresses.add(address);
              await link.assign(address, orders, signal);
              const [other] = [...addresses].filter((one) => one !== address);
              if (other === undefined || orders.run.length === 0) return;
              // Without the word for which life of a worker they are, which is another one's there.
              const { incarnation: _, ...rest } = orders;
              await link.assign(other, { ...rest, stop: [], forget: [] }, signal);
            },
          }),
      };
    },
  },
  {
    name: 'forgotten stop: orders to stop are not sent',
    checks: ['stop-wins', 'no-unknown'],
    seedCountMax: 5,
    plant: () => ({
      link: (link) =>
        withMethods(link, {
          assign: (address, orders, signal) =>
            link.assign(address, { ...orders, stop: [] }, signal),
        }),
    }),
  },
  {
    name: 'rescheduling without fencing: a node that has just been reached is taken for empty',
    checks: ['at-most-one', 'no-unknown', 'quiesce'],
    seedCountMax: 20,
    plant: () => ({
      link: (link) =>
        withMethods(link, {
          list: async (...args) => ({
            ...(await link.list(...args)),
            observations: [],
            orphans: [],
          }),
        }),
    }),
  },
  {
    name: 'unheard end: the manager is never told that an attempt has ended',
    checks: ['running-true', 'quiesce', 'stop-wins', 'no-unknown'],
    seedCountMax: 3,
    plant: () => ({
      link: (link) =>
        withMethods(
          link,
          observing(link, (seen) => (seen.phase === 'ended' ? undefined : seen)),
        ),
    }),
  },
  {
    name: 'unheard heartbeat: what says that a node lives does not count',
    checks: ['alive', 'quiesce'],
    seedCountMax: 5,
    plant: () => ({
      link: (link) =>
        withMethods(link, {
          async *reports(...args): AsyncGenerator<StreamItem> {
            for await (const item of link.reports(...args)) if (item.type === 'report') yield item;
          },
        }),
    }),
  },
  {
    name: 'unbounded retry: what a worker did not answer is asked again at once, for ever',
    checks: ['bounded'],
    seedCountMax: 10,
    plant: () => ({
      link: (link) =>
        withMethods(link, {
          assign: (address, orders, signal) =>
            untilAnswered(signal, () => link.assign(address, orders, signal)),
          list: (address, signal) => untilAnswered(signal, () => link.list(address, signal)),
        }),
    }),
  },
];
