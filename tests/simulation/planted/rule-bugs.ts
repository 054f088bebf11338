import { CubeError, isCubeError } from '../../../src/errors/cube-error.ts';
import type { AttemptKey, Observation } from '../../../src/link/protocol.ts';
import type { Manager } from '../../../src/manager/manager.ts';
import type { InstanceSpec, InstanceStatus } from '../../../src/runtime/runtime.ts';
import { FOREIGN_CLUSTER } from '../../../src/simulation/cluster/strangers.ts';
import { type PlantedBug, withMethods } from './planted-bug.ts';

const keyOf = ({ taskId, attempt }: AttemptKey): string => `${taskId}/${attempt}`;

type Submit = Parameters<Manager['submit']>;

/** A manager that does something beside when it refuses another spec under an id. */
function onConflict(
  manager: Manager,
  act: (error: CubeError, ...submit: Submit) => Promise<void>,
): Manager {
  return withMethods(manager, {
    submit: async (...submit) => {
      try {
        return await manager.submit(...submit);
      } catch (error) {
        if (isCubeError(error, 'conflict')) await act(error, ...submit);
        throw error;
      }
    },
  });
}

export const ruleBugs: readonly PlantedBug[] = [
  {
    name: 'spec rewritten: a record gets another priority than was asked for',
    checks: ['spec-immutable'],
    seedCountMax: 2,
    plant: () => ({
      managerStore: (store) =>
        withMethods(store, {
          transact: ({ put = [], ...rest }) =>
            store.transact({
              ...rest,
              put: put.map((one) => {
                if (one.collection !== 'tasks') return one;
                const record = Object(one.value);
                if (record.status.attempt === 0) return one;
                return { ...one, value: { ...record, spec: { ...record.spec, priority: 1 } } };
              }),
            }),
        }),
    }),
  },
  {
    name: 'invented exit code: an end that nobody knows is told as 255',
    checks: ['reason'],
    seedCountMax: 20,
    plant: () => ({
      link: (link) => {
        const invent = (seen: Observation): Observation =>
          seen.ended?.exitCode === 'unknown'
            ? { ...seen, ended: { ...seen.ended, exitCode: 255 } }
            : seen;
        return withMethods(link, {
          list: async (...args) => {
            const list = await link.list(...args);
            return { ...list, observations: list.observations.map(invent) };
          },
          async *reports(...args) {
            for await (const item of link.reports(...args)) {
              if (item.type !== 'report') yield item;
              else yield { ...item, observation: invent(item.observation) };
            }
          },
        });
      },
    }),
  },
  {
    name: 'impatient: one in ten words that something runs is taken for its end',
    checks: ['bounded-two', 'at-most-one'],
    seedCountMax: 10,
    plant: () => {
      let count = 0;
      const giveUp = (seen: Observation): Observation => {
        count += 1;
        if (seen.phase !== 'running' || count % 10 !== 0) return seen;
        const reason = { code: 'exited', message: 'It is taken to have ended.' } as const;
        const finishedAt = '2026-01-01T00:00:00.000Z';
        return { ...seen, phase: 'ended', ended: { exitCode: 'unknown', reason, finishedAt } };
      };
      return {
        link: (link) =>
          withMethods(link, {
            async *reports(...args) {
              for await (const item of link.reports(...args)) {
                if (item.type !== 'report') yield item;
                else yield { ...item, observation: giveUp(item.observation) };
              }
            },
          }),
      };
    },
  },
  {
    name: 'blind to labels: what runs beside on the machine is taken for our own',
    checks: ['no-foreign'],
    seedCountMax: 3,
    plant: () => {
      let cluster = FOREIGN_CLUSTER;
      const asOurs = (one: InstanceStatus): InstanceStatus => ({ ...one, cluster });
      return {
        runtime: (runtime, others) =>
          withMethods(runtime, {
            start: async (spec, options) => {
              cluster = spec.cluster;
              return await runtime.start(spec, options);
            },
            list: async (signal) => {
              const found = await others.list(signal);
              return [...(await runtime.list(signal)), ...found.map(asOurs)];
            },
            inspect: async (key, signal) => {
              const other = await others.inspect(key, signal);
              return other === undefined ? await runtime.inspect(key, signal) : asOurs(other);
            },
            remove: async (key, options) => {
              await runtime.remove(key, options);
              await others.remove(key, options);
            },
            stop: async (key, options) =>
              (await runtime.stop(key, options)) ?? (await others.stop(key, options)),
          }),
      };
    },
  },
  {
    name: 'fresh broom: a manager that starts has everything stopped that it finds',
    checks: ['undisturbed'],
    seedCountMax: 3,
    plant: () => ({
      link: (link) => {
        const found = new Map<string, readonly AttemptKey[]>();
        return withMethods(link, {
          list: async (address, signal) => {
            const list = await link.list(address, signal);
            if (!found.has(address)) found.set(address, list.observations);
            return list;
          },
          assign: async (address, orders, signal) => {
            const stop = [...orders.stop, ...(found.get(address) ?? [])];
            found.set(address, []);
            await link.assign(address, { ...orders, stop }, signal);
          },
        });
      },
    }),
  },
  {
    name: 'not adopted: a worker that starts kills what it finds and starts it anew',
    checks: ['adopt', 'undisturbed'],
    seedCountMax: 3,
    plant: () => {
      const specs = new Map<string, InstanceSpec>();
      return {
        runtime: (runtime) => {
          let isFirst = true;
          return withMethods(runtime, {
            start: async (spec, options) => {
              specs.set(keyOf(spec), spec);
              return await runtime.start(spec, options);
            },
            list: async (signal) => {
              const found = await runtime.list(signal);
              if (!isFirst) return found;
              isFirst = false;
              for (const one of found) {
                const spec = specs.get(keyOf(one));
                if (one.phase !== 'running' || spec === undefined) continue;
                await runtime.remove(one, { removeVolumes: false, signal });
                await runtime.start(spec, { signal, onProgress: () => undefined });
              }
              return await runtime.list(signal);
            },
          });
        },
      };
    },
  },
  {
    name: 'started again: what has ended is started once more as the same attempt',
    checks: ['adopt'],
    seedCountMax: 5,
    plant: () => {
      const specs = new Map<string, InstanceSpec>();
      return {
        runtime: (runtime) =>
          withMethods(runtime, {
            start: async (spec, options) => {
              specs.set(keyOf(spec), spec);
              return await runtime.start(spec, options);
            },
            inspect: async (key, signal) => {
              const seen = await runtime.inspect(key, signal);
              const spec = specs.get(keyOf(key));
              if (seen?.phase !== 'ended' || spec === undefined) return seen;
              await runtime.remove(key, { removeVolumes: false, signal });
              return await runtime.start(spec, { signal, onProgress: () => undefined });
            },
          }),
      };
    },
  },
  {
    name: 'list ahead of its time: a list names a revision that it does not have yet',
    checks: ['list-then-watch'],
    seedCountMax: 5,
    plant: () => ({
      service: (manager) =>
        withMethods(manager, {
          listTasks: async (query) => {
            const page = await manager.listTasks(query);
            return query.limit > 100 ? { ...page, revision: page.revision + 1 } : page;
          },
        }),
    }),
  },
  {
    name: 'half accepted: a submission that is refused stops the task that has the id',
    checks: ['whole-or-nothing'],
    seedCountMax: 5,
    plant: () => ({
      service: (manager) =>
        onConflict(manager, async (_, { id = '' }, origin) => {
          await manager.stopTask(id, origin);
        }),
    }),
  },
  {
    name: 'hoarding: nothing is removed from the log',
    checks: ['prune-safe', 'bounded'],
    seedCountMax: 20,
    plant: () => ({
      managerStore: (store) => withMethods(store, { count: async () => 0 }),
    }),
  },
  {
    name: 'restless: each manager sees another state of health in the same task',
    checks: ['fixpoint'],
    seedCountMax: 10,
    plant: () => {
      let managerCount = 0;
      return {
        link: (link) => {
          managerCount += 1;
          const health = managerCount % 2 === 0 ? ('starting' as const) : ('healthy' as const);
          return withMethods(link, {
            list: async (...args) => {
              const list = await link.list(...args);
              const changed = list.observations.map((one) =>
                one.phase === 'running' ? { ...one, health } : one,
              );
              return { ...list, observations: changed };
            },
          });
        },
      };
    },
  },
  {
    name: 'open book: a runtime repeats the environment when a start fails',
    checks: ['secrets'],
    seedCountMax: 20,
    plant: () => ({
      runtime: (runtime) =>
        withMethods(runtime, {
          start: async (spec, options) => {
            try {
              return await runtime.start(spec, options);
            } catch (error) {
              const words = `It could not be started with ${JSON.stringify(spec.spec.env)}.`;
              throw isCubeError(error) ? new CubeError(error.code, words) : error;
            }
          },
        }),
    }),
  },
  {
    name: 'loose tongue: a refusal repeats the environment of the task',
    checks: ['secrets'],
    seedCountMax: 5,
    plant: () => ({
      service: (manager) =>
        onConflict(manager, async (error, { spec }) => {
          error.message += ` It has ${JSON.stringify(spec.env)}.`;
        }),
    }),
  },
];
