import type { TaskWithAge } from '../../../src/manager/task-age.ts';
import { heldPorts } from '../../../src/scheduler/port-keys.ts';
import { type PlantedBug, withMethods } from './planted-bug.ts';

export const otherBugs: readonly PlantedBug[] = [
  {
    name: 'missed wake-up: one timer of the manager in two hundred never rings',
    checks: ['quiesce', 'work-conserving', 'stop-wins', 'running-true', 'no-unknown'],
    seedCountMax: 10,
    plant: () => {
      let count = 0;
      return {
        managerClock: (clock) =>
          withMethods(clock, {
            setTimer: (delayMs, callback) => {
              count += 1;
              return clock.setTimer(delayMs, count % 200 === 0 ? () => undefined : callback);
            },
          }),
      };
    },
  },
  {
    name: 'wrong clock: the manager takes seconds for milliseconds',
    checks: ['work-conserving', 'quiesce'],
    seedCountMax: 10,
    plant: () => ({
      managerClock: (clock) => withMethods(clock, { monotonic: () => clock.monotonic() / 1000 }),
    }),
  },
  {
    name: 'leaked port: a port that was ever promised on a node stays taken',
    checks: ['work-conserving', 'explained'],
    seedCountMax: 10,
    plant: () => {
      const leaked = new Map<string, Set<string>>();
      return {
        scheduler: (scheduler) =>
          withMethods(scheduler, {
            selectCandidateNodes: (task, snapshot) =>
              scheduler.selectCandidateNodes(task, {
                ...snapshot,
                nodes: snapshot.nodes.map((one) => {
                  const ports = leaked.get(one.node.name);
                  return ports === undefined ? one : { ...one, ports };
                }),
              }),
            pick: (task, candidates, scores) => {
              const index = scheduler.pick(task, candidates, scores);
              const name = candidates[index]?.node.name ?? '';
              const ports = leaked.get(name) ?? new Set();
              for (const port of heldPorts(task)) ports.add(port);
              leaked.set(name, ports);
              return index;
            },
          }),
      };
    },
  },
  {
    name: 'overbooking: what is promised on a node is not subtracted',
    checks: ['capacity', 'explained', 'ports'],
    seedCountMax: 20,
    plant: () => ({
      scheduler: (scheduler) =>
        withMethods(scheduler, {
          selectCandidateNodes: (task, snapshot) =>
            scheduler.selectCandidateNodes(task, {
              ...snapshot,
              nodes: snapshot.nodes.map((one) => ({
                ...one,
                committed: { cpu: 0, memory: 0, disk: 0 },
              })),
            }),
        }),
    }),
  },
  {
    name: 'dead target: a node that does not answer is taken for one that does',
    checks: ['constraints'],
    seedCountMax: 10,
    plant: () => ({
      scheduler: (scheduler) =>
        withMethods(scheduler, {
          selectCandidateNodes: (task, snapshot) =>
            scheduler.selectCandidateNodes(task, {
              ...snapshot,
              nodes: snapshot.nodes.map((one) => ({
                ...one,
                node: { ...one.node, liveness: 'up' as const },
              })),
            }),
        }),
    }),
  },
  {
    name: 'left behind: what was removed is still there',
    checks: ['no-unknown', 'bounded'],
    seedCountMax: 3,
    plant: () => ({
      runtime: (runtime) => withMethods(runtime, { remove: async () => undefined }),
    }),
  },
  {
    name: 'resume off by one: whoever goes on reading misses one event',
    checks: ['stream', 'list-then-watch'],
    seedCountMax: 20,
    plant: () => ({
      service: (manager) =>
        withMethods(manager, {
          events: (after, signal) => manager.events(after === 0 ? 0 : after + 1, signal),
        }),
    }),
  },
  {
    name: 'gap in a stream: one event in fifty is not handed on',
    checks: ['stream', 'list-then-watch'],
    seedCountMax: 5,
    plant: () => ({
      service: (manager) =>
        withMethods(manager, {
          async *events(after, signal) {
            for await (const event of manager.events(after, signal)) {
              if (event.revision % 50 !== 0) yield event;
            }
          },
        }),
    }),
  },
  {
    name: 'stale read: a task is shown as it was when it was first asked for',
    checks: ['linearizable'],
    seedCountMax: 5,
    plant: () => {
      const first = new Map<string, TaskWithAge>();
      return {
        service: (manager) =>
          withMethods(manager, {
            getTask: async (id) => {
              const shown = first.get(id) ?? (await manager.getTask(id));
              first.set(id, shown);
              return shown;
            },
          }),
      };
    },
  },
  {
    name: 'lost in paging: a page leaves out its last task',
    checks: ['page'],
    seedCountMax: 5,
    plant: () => ({
      service: (manager) =>
        withMethods(manager, {
          listTasks: async (...args) => {
            const page = await manager.listTasks(...args);
            return { ...page, items: page.items.slice(0, -1) };
          },
        }),
    }),
  },
];
