import { foldInto } from '../manager/replay.ts';
import type { SimulatedRecord } from '../runtime/simulated/simulated-world.ts';
import { ManagerRepository } from '../store/manager-repository.ts';
import { isFinal, isPlaced } from '../task/task.ts';
import type { Fault } from './faults/faults.ts';
import { RealWorldGuard } from './guard/real-world-guard.ts';
import { unexplained } from './invariants/decisions.ts';
import { leftovers, unsettled } from './invariants/settled.ts';
import { isSamePlain } from './plain.ts';
import { type RunOptions, Simulation } from './simulation.ts';

/** What became of one seed. Can be handed from thread to thread. */
export interface SeedReport {
  readonly seed: number;
  /** Each begins with the name of the invariant, in brackets. */
  readonly violations: readonly string[];
  /** The whole history; empty unless traced. */
  readonly trace: readonly string[];
  /** Over the whole history: the same seed gives the same. */
  readonly hash: string;
  readonly eventCount: number;
  readonly stepCount: number;
  readonly virtualMs: number;
  readonly faults: readonly Fault[];
  /** How many faults struck, by kind. */
  readonly faultCounts: ReadonlyMap<string, number>;
  readonly requests: Readonly<Record<string, number>>;
  readonly situations: ReadonlyMap<string, number>;
}

/** When everything must have come to rest after the last fault, in milliseconds. */
const SETTLE_MS = 600_000;
/** For so long nothing more may happen then. */
const REST_MS = 300_000;

/**
 * Runs one seed: first trouble, then rest. Whatever happened, all that was accepted must be known,
 * nothing may run that should not, and everything must come to rest by itself.
 */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<SeedReport> {
  using guard = new RealWorldGuard();
  await using simulation = new Simulation(seed, options);
  await simulation.makeTrouble();
  const violations = [...simulation.violations];
  if (violations.length === 0) {
    simulation.heal();
    violations.push(...(await settle(simulation)), ...simulation.violations);
  }
  if (violations.length === 0) violations.push(...(await rest(simulation)));
  if (violations.length === 0) violations.push(...(await startAnew(simulation)));
  if (violations.length === 0) violations.push(...unexplained(simulation.log.events));
  if (violations.length === 0) violations.push(...simulation.clients.requests.violations());
  violations.push(...guard.violations);
  const { log, faults, clients, steering, history, cluster, situations } = simulation;
  return {
    seed,
    violations,
    // What the processes say as they are ended is no part of the run.
    trace: [...history.lines],
    hash: history.digest(),
    eventCount: log.events.length,
    stepCount: history.stepCount,
    virtualMs: cluster.clock.monotonic(),
    faults: faults.list,
    faultCounts: faults.counts,
    requests: { ...clients.counts, ...steering.counts },
    situations: situations.counts,
  };
}

async function settle(simulation: Simulation): Promise<readonly string[]> {
  const { cluster, steering } = simulation;
  const open = (): readonly string[] => [...steering.unsettled(), ...unsettled(simulation)];
  const end = cluster.clock.monotonic() + SETTLE_MS;
  while (cluster.clock.monotonic() < end && simulation.violations.length === 0) {
    await simulation.advance(5000);
    if (open().length === 0) return [];
  }
  // What broke a rule is told by itself; that all had yet to settle then is no news.
  return simulation.violations.length === 0 ? open() : [];
}

/** Nothing happens any more, and nothing is left of what is over. */
async function rest(simulation: Simulation): Promise<readonly string[]> {
  const { log, world } = simulation;
  await simulation.advance(120_000);
  const before = { events: log.events.length, world: world.history.length };
  await simulation.advance(REST_MS);
  const events = log.events
    .slice(before.events)
    .filter(({ type }) => type !== 'events-pruned' && type !== 'task-pruned');
  return [
    ...simulation.violations,
    ...simulation.steering.unsettled(),
    ...unsettled(simulation),
    ...events.map((event) => `[quiesce] ${JSON.stringify(event).slice(0, 300)}`),
    ...disturbances(simulation, before.world).map((one) => `[quiesce] ${JSON.stringify(one)}`),
    ...(await leftovers(simulation)),
    ...overfull(simulation),
  ];
}

/** What is kept beyond its limit. */
function overfull({ log, mix }: Simulation): readonly string[] {
  const finishedCount = [...log.tasks.values()].filter(isFinal).length;
  // The log is cut when it is a tenth too long, and the cut is an event of its own.
  const eventCountMax = Math.ceil(mix.kept.events * 1.1) + 1;
  return [
    ...(finishedCount > mix.kept.finished
      ? [`[bounded] ${finishedCount} finished tasks are kept, not ${mix.kept.finished}`]
      : []),
    ...(log.keptCount > eventCountMax
      ? [`[bounded] ${log.keptCount} events are kept, not ${eventCountMax}`]
      : []),
  ];
}

/** A manager and workers that start anew know the same, and touch nothing. */
async function startAnew(simulation: Simulation): Promise<readonly string[]> {
  const { cluster, world, log } = simulation;
  const violations = [...(await knownOtherwise(simulation))];
  const before = { world: world.history.length, events: log.events.length };
  cluster.killManager();
  await simulation.advance(30_000);
  for (const record of disturbances(simulation, before.world)) {
    violations.push(`[undisturbed] ${JSON.stringify(record)}`);
  }
  for (const name of cluster.machines.keys()) cluster.killWorker(name);
  await simulation.advance(30_000);
  for (const record of disturbances(simulation, before.world)) {
    violations.push(`[adopt] ${JSON.stringify(record)}`);
  }
  // Every loop has run over the whole state once more, and in another order than before. Only what
  // a task waits for may be told anew: since it was refused, more may have come in its way.
  for (const event of log.events.slice(before.events)) {
    const { taskId, type } = event;
    const isAllowed = taskId === undefined || type === 'task-pruned' || type === 'task-waiting';
    if (!isAllowed) violations.push(`[fixpoint] ${JSON.stringify(event).slice(0, 300)}`);
  }
  violations.push(...(await knownOtherwise(simulation)), ...unsettled(simulation));
  for (const id of simulation.clients.accepted) {
    if (!log.tasks.has(id) && !log.prunedIds.has(id))
      violations.push(`[ack-durable] ${id} is lost`);
  }
  violations.push(...(await lostByPruning(simulation)));
  return [...violations, ...simulation.violations];
}

/** What was done to tasks since, except that what was pruned is cleared away. */
function disturbances({ world, log }: Simulation, since: number): readonly SimulatedRecord[] {
  const records = world.history.slice(since);
  return records.filter(({ type, taskId }) => type !== 'removed' || !log.prunedIds.has(taskId));
}

/** Where what is kept of the log, on its base, no longer gives the state. */
async function lostByPruning({ cluster, log }: Simulation): Promise<readonly string[]> {
  const repository = new ManagerRepository(cluster.managerStore);
  const { floor } = await repository.load();
  const base = await repository.base();
  const state = {
    tasks: new Map(base.tasks.map((task) => [task.id, task])),
    nodes: new Map(base.nodes.map((node) => [node.name, node])),
  };
  const kept = await repository.events(floor, 10_000);
  for (const event of kept) foldInto(state, event);
  const isWhole = isSamePlain(kept, log.events.slice(floor));
  const isSame =
    isSamePlain(sorted(state.tasks), sorted(log.tasks)) &&
    isSamePlain(sorted(state.nodes), sorted(log.nodes));
  return [
    ...(isWhole ? [] : [`[prune-safe] events above ${floor} are not those that were written`]),
    ...(isSame ? [] : [`[prune-safe] base and log above ${floor} do not give the state`]),
  ];
}

function sorted<Value>(map: ReadonlyMap<string, Value>): readonly (readonly [string, Value])[] {
  return [...map].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Where the manager knows something otherwise than by the fold of the log. */
async function knownOtherwise({ cluster, log }: Simulation): Promise<readonly string[]> {
  const { items } = await cluster.manager.listTasks({ limit: 1000 });
  const known = new Map(items.map(({ task }) => [task.id, task]));
  const ids = new Set([...known.keys(), ...log.tasks.keys()]);
  const tasks = [...ids].filter((id) => !isSamePlain(known.get(id), log.tasks.get(id)));
  const listed = cluster.manager.listNodes();
  const nodes = listed.filter(({ node }) => !isSamePlain(node, log.nodes.get(node.name)));
  const miscounted = listed.filter(({ node, committed, taskCount }) => {
    const placed = [...log.tasks.values()].filter(
      (task) => isPlaced(task) && task.status.node === node.name,
    );
    const cpu = placed.reduce((sum, { spec }) => sum + (spec.cpu ?? 0), 0);
    const memory = placed.reduce((sum, { spec }) => sum + (spec.memory ?? 0), 0);
    const isSame = Math.abs(cpu - committed.cpu) < 1e-6 && memory === committed.memory;
    return !isSame || taskCount !== placed.length;
  });
  return [
    ...tasks.map((id) => `[state-is-fold] task ${id} is known otherwise`),
    ...nodes.map(({ node }) => `[state-is-fold] node ${node.name} is known otherwise`),
    ...miscounted.map(({ node }) => `[state-is-fold] what ${node.name} holds is miscounted`),
  ];
}
