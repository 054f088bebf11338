import type { Node } from '../../node/node.ts';
import { createScheduler } from '../../scheduler/create-scheduler.ts';
import { decide } from '../../scheduler/decide.ts';
import { createSnapshot } from '../../scheduler/ledger.ts';
import { isFinal, isPlaced, type Task } from '../../task/task.ts';
import type { SimulatedCluster } from '../cluster/simulated-cluster.ts';
import { isStranger } from '../cluster/strangers.ts';
import { isOnItsWay } from './drain-rules.ts';
import type { LogWatch } from './log-watch.ts';
import type { StandaloneWatch } from './standalone-watch.ts';
import type { WorldWatch } from './world-watch.ts';

export interface SettledContext {
  readonly cluster: SimulatedCluster;
  readonly log: LogWatch;
  readonly world: WorldWatch;
  readonly standalone: StandaloneWatch;
}

/** What is not yet as it should be once all faults are over; nothing when all has settled. */
export function unsettled(context: SettledContext): readonly string[] {
  const { log } = context;
  const nodes = [...log.nodes.values()].filter(({ liveness }) => liveness !== 'up');
  return [
    ...nodes.map(({ name, liveness }) => `[quiesce] node ${name} is ${liveness}`),
    ...[...log.tasks.values()].flatMap((task) => unsettledTask(task, log) ?? []),
    ...[...log.nodes.values()]
      .filter(({ draining }) => draining)
      .flatMap((node) => undrained(node, log)),
    ...context.standalone.unsettled(context.world.running()),
    ...differences(context),
  ];
}

function unsettledTask(task: Task, log: LogWatch): string | undefined {
  const { state, desired, restartDelayMs } = task.status;
  const name = `task ${task.id} (${task.spec.name})`;
  if (isFinal(task)) return undefined;
  if (desired === 'stopped') return `[stop-wins] ${name} was stopped and is ${state}`;
  if (state === 'running') {
    return task.spec.name === 'job' ? `[quiesce] ${name} has not ended` : undefined;
  }
  if (state === 'scheduled') return `[quiesce] ${name} is ${state}`;
  const chosen = placeFor(task, log);
  if (chosen === undefined) return undefined;
  return `[work-conserving] ${name} is ${state} (due after ${restartDelayMs} ms), and fits ${chosen}`;
}

/** What is left on a node that is drained, and fits elsewhere. */
function undrained({ name }: Node, log: LogWatch): readonly string[] {
  const tasks = [...log.tasks.values()];
  // While there is no room for one that has left, nothing else follows it.
  if (tasks.some((task) => isOnItsWay(task, name) && !isPlaced(task))) return [];
  return tasks
    .filter((task) => isPlaced(task) && task.status.node === name)
    .filter((task) => placeFor(task, log) !== undefined)
    .map(({ id }) => `[drain] task ${id} is left on ${name}, and fits elsewhere`);
}

function placeFor(task: Task, log: LogWatch): string | undefined {
  const snapshot = createSnapshot({
    nodes: log.nodes.values(),
    tasks: log.tasks.values(),
    lastNode: undefined,
  });
  return decide(createScheduler('epvm'), task, snapshot).chosen;
}

/** Where what runs is not what the log says. */
function differences({ cluster, log, world, standalone }: SettledContext): readonly string[] {
  const names = new Map([...cluster.machines.values()].map((one) => [one.identity.id, one.name]));
  const really = new Set(
    world
      .running()
      .filter(({ taskId }) => !standalone.isStandalone(taskId))
      .map(({ taskId, attempt, worker }) => `${taskId}/${attempt}@${names.get(worker)}`),
  );
  const said = new Set(
    [...log.tasks.values()]
      .filter(({ status }) => status.state === 'running')
      .map(({ id, status }) => `${id}/${status.attempt}@${status.node}`),
  );
  return [
    ...[...really].filter((one) => !said.has(one)).map((one) => `[no-unknown] ${one} runs`),
    ...[...said]
      .filter((one) => !really.has(one))
      .map((one) => `[running-true] ${one} does not run`),
  ];
}

/** What is left of attempts that are over, on the machines. */
export async function leftovers({
  cluster,
  log,
  standalone,
}: SettledContext): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name, identity, store } of cluster.machines.values()) {
    const isWanted = (taskId: string, attempt: number): boolean => {
      if (standalone.isStandalone(taskId)) return true;
      const status = log.tasks.get(taskId)?.status;
      return status?.attempt === attempt && status.node === name;
    };
    for (const runtime of ['docker', 'process'] as const) {
      for (const instance of cluster.world.scope(identity.id, runtime).instances.values()) {
        const { key } = instance;
        if (isStranger(instance) || isWanted(key.taskId, key.attempt)) continue;
        found.push(`[no-unknown] instance ${key.taskId}/${key.attempt} is left on ${name}`);
      }
    }
    for (const { key, value } of await store.list('attempts', { limit: 10_000 })) {
      const record = value as { readonly gone?: boolean };
      const [taskId = '', attempt] = key.split('/');
      if (record.gone === true || isWanted(taskId, Number(attempt))) continue;
      found.push(`[bounded] the record of ${key} is left on ${name}`);
    }
  }
  return found;
}
