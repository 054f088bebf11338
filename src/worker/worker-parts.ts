import type { JoinReply } from '../link/protocol.ts';
import type { NodeFacts, RuntimeFact } from '../node/node.ts';
import type { RuntimeName } from '../task/task-spec.ts';
import { Announcer } from './announcer.ts';
import { AttemptBook } from './attempt-book.ts';
import { HealthMonitor } from './health/health-monitor.ts';
import { logChanges } from './log-changes.ts';
import { MachineGauge } from './machine-gauge.ts';
import type { Orphan } from './orders.ts';
import { RunTimes } from './run-times.ts';
import { RuntimeWatcher } from './runtime-watcher.ts';
import { StandaloneTasks } from './standalone-tasks.ts';
import { StartGate } from './start-gate.ts';
import { StartTraces } from './start-traces.ts';
import { stopAllTasks } from './stop-all-tasks.ts';
import { TaskRunners } from './task-runners.ts';
import { UsageGauge } from './usage-gauge.ts';
import { meterChanges } from './worker-meter.ts';
import type { CompleteWorkerOptions } from './worker-options.ts';

/** What the parts ask of the worker that they make up. */
export interface WorkerHooks {
  readonly facts: () => NodeFacts;
  readonly heartbeatMs: () => number;
  readonly onJoined: (reply: JoinReply) => Promise<void>;
}

/** Everything of a worker that lives, wired together. */
export interface WorkerParts {
  readonly book: AttemptBook;
  readonly standalone: StandaloneTasks;
  readonly gauge: MachineGauge;
  readonly usage: UsageGauge;
  readonly announcer: Announcer | undefined;
  readonly traces: StartTraces;
  readonly findWatcher: (name: RuntimeName) => RuntimeWatcher | undefined;
  readonly findOrphans: (taskId: string) => readonly Orphan[];
  readonly orphans: () => readonly (Orphan & { readonly cluster: string })[];
  readonly runtimeFacts: () => RuntimeFact[];
  start(): Promise<void>;
  /** Stops every task and waits until all have ended. */
  stopTasks(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens the store and makes the parts; none of them does anything before `start`. */
export async function openWorkerParts(
  options: CompleteWorkerOptions,
  hooks: WorkerHooks,
): Promise<WorkerParts> {
  const { clock, random, machine, prober, meter } = options;
  const logger = options.logger.child({ worker: options.name });
  const book = await AttemptBook.open(options.store, options.onFatal);
  const watchers = new Map<RuntimeName, RuntimeWatcher>();
  const findWatcher = (name: RuntimeName): RuntimeWatcher | undefined => watchers.get(name);
  const gates = new Map<RuntimeName, StartGate>();
  const findGate = (name: RuntimeName): StartGate => {
    const gate = gates.get(name) ?? new StartGate(options.startConcurrency, clock);
    gates.set(name, gate);
    return gate;
  };
  const traces = new StartTraces(options.tracer);
  const times = new RunTimes(book, clock);
  const runnerContext = { book, findWatcher, findGate, traces, times, clock, random, logger };
  const runners = new TaskRunners(runnerContext);
  const announcer = createAnnouncer(options, hooks, book);
  for (const runtime of options.runtimes) {
    const watcher = new RuntimeWatcher({
      runtime,
      book,
      clock,
      logger,
      compareMs: options.compareMs,
      probeMs: options.probeMs,
      wake: (key) => runners.wake(key.taskId),
      wakeOnStart: (key) => runners.wakeOnStart(key),
      onFactChanged: () => announcer?.nudge(),
    });
    watchers.set(runtime.name, watcher);
  }
  const health = new HealthMonitor({ book, findWatcher, prober, clock, logger, meter });
  const gauge = new MachineGauge({ machine, clock, logger, intervalMs: options.heartbeatMs });
  const standalone = new StandaloneTasks({ book, node: options.name, clock, random, logger });
  const orphans = () => [...watchers.values()].flatMap((watcher) => watcher.orphans());
  return {
    book,
    standalone,
    gauge,
    usage: new UsageGauge({ runtimes: options.runtimes, clock }),
    announcer,
    traces,
    findWatcher,
    orphans,
    findOrphans: (taskId) => orphans().filter((one) => one.taskId === taskId),
    runtimeFacts: () => Array.from(watchers.values(), (watcher) => watcher.toldFact),

    async start() {
      book.subscribe((changes) => times.onChanges(changes));
      book.subscribe((changes) => runners.onChanges(changes));
      book.subscribe((changes) => health.onChanges(changes));
      book.subscribe((changes) => logChanges(logger, changes));
      book.subscribe((changes) => meterChanges(meter, changes));
      await Promise.all([gauge.start(), ...Array.from(watchers.values(), (one) => one.start())]);
      health.start();
      standalone.start();
      for (const taskId of tasksToWake(book, findWatcher)) runners.wake(taskId);
      announcer?.start();
    },

    stopTasks: () => stopAllTasks(book, clock, logger),

    async stop() {
      await announcer?.stop();
      await standalone.stop();
      await health.stop();
      await runners.stop();
      await Promise.all(Array.from(watchers.values(), (watcher) => watcher.stop()));
      await gauge.stop();
      await book.settle();
    },
  };
}

function createAnnouncer(
  options: CompleteWorkerOptions,
  hooks: WorkerHooks,
  book: AttemptBook,
): Announcer | undefined {
  const { managerLink, clock, random, identity } = options;
  if (managerLink === undefined) return undefined;
  return new Announcer({
    link: managerLink,
    facts: hooks.facts,
    cluster: () => book.cluster ?? identity.cluster,
    heartbeatMs: hooks.heartbeatMs,
    onJoined: hooks.onJoined,
    clock,
    random,
    logger: options.logger.child({ worker: options.name }),
  });
}

/** Tasks that no comparison with a runtime would wake: those that wait for time, or for nothing. */
function tasksToWake(
  book: AttemptBook,
  findWatcher: (name: RuntimeName) => RuntimeWatcher | undefined,
): Set<string> {
  const taskIds = new Set<string>();
  for (const { taskId, runtime, restart } of book.all()) {
    const isWatched = runtime !== undefined && findWatcher(runtime) !== undefined;
    if (!isWatched || restart?.delayMs !== undefined) taskIds.add(taskId);
  }
  return taskIds;
}
