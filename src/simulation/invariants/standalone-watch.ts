import type { CubeEvent } from '../../event/event.ts';
import type { SimulatedRecord } from '../../runtime/simulated/simulated-world.ts';
import { durationMs } from '../../task/spec-fields.ts';
import type { Task } from '../../task/task.ts';
import type { TaskSpec } from '../../task/task-spec.ts';
import type { SimulatedCluster } from '../cluster/simulated-cluster.ts';

/** A task that was given to a worker directly, and what its client was told. */
export interface GivenTask {
  readonly id: string;
  readonly node: string;
  readonly spec: TaskSpec;
  isAccepted: boolean;
  isStopped: boolean;
}

/** For what the sums of many small waits are off by, in milliseconds. */
const SLACK_MS = 2;

interface Runs {
  attempt?: number;
  startedAt?: number;
  /** How far the wall clock there was ahead as it started, in milliseconds. */
  aheadMs?: number;
  /** Whether the times of the runtime tell how long it was: the clock has not been stepped. */
  isTold?: boolean;
  endedAt?: number;
  /** In a row, none of which lasted as long as the window of its policy. */
  shortCount: number;
}

/**
 * Sees to it that a task given to a worker is that worker's alone: the manager never speaks of it,
 * it is started again only after its wait and as often as allowed, and in the end it is as its
 * client was told.
 */
export class StandaloneWatch {
  readonly violations: string[] = [];
  readonly given = new Map<string, GivenTask>();
  readonly #cluster: SimulatedCluster;
  /** Whether workers may lose their records. */
  readonly #mayForget: boolean;
  readonly #onRestart: () => void;
  readonly #runs = new Map<string, Runs>();

  constructor(
    cluster: SimulatedCluster,
    options: { readonly mayForget: boolean; readonly onRestart: () => void },
  ) {
    this.#cluster = cluster;
    this.#mayForget = options.mayForget;
    this.#onRestart = options.onRestart;
  }

  give(task: Pick<GivenTask, 'id' | 'node' | 'spec'>): GivenTask {
    const given = { ...task, isAccepted: false, isStopped: false };
    this.given.set(task.id, given);
    return given;
  }

  /** Whether a task is its worker's alone. */
  isStandalone(taskId: string): boolean {
    return this.given.has(taskId);
  }

  /** A reply of a worker, before it is sent: what it says is on the disk. */
  async onAccepted({ id, node }: GivenTask, { status }: Task): Promise<void> {
    const store = this.#cluster.machines.get(node)?.store;
    const record = await store?.find('attempts', `${id}/${status.attempt}`);
    if (record === undefined) this.violations.push(`[ack-durable] ${id} is not on ${node}`);
  }

  onEvent({ taskId = '', revision }: CubeEvent): void {
    if (!this.given.has(taskId)) return;
    this.violations.push(`[standalone] revision ${revision} speaks of ${taskId}`);
  }

  onWorld({ taskId, type, attempt }: SimulatedRecord): void {
    const task = this.given.get(taskId);
    if (task === undefined) return;
    const runs = this.#runs.get(taskId) ?? { shortCount: 0 };
    this.#runs.set(taskId, runs);
    const now = this.#cluster.clock.monotonic();
    if (type === 'started') {
      // What was taken away before its worker had told of it is started anew as the same attempt.
      if (attempt !== runs.attempt) this.#checkRestart(task, runs, now);
      runs.attempt = attempt;
      runs.startedAt = now;
      runs.aheadMs = this.#aheadMs(task);
      delete runs.endedAt;
    } else if (type === 'ended' || type === 'removed') {
      if (runs.startedAt === undefined || runs.endedAt !== undefined) return;
      runs.endedAt = now;
      // When something was taken away, no runtime tells: its worker sees only that it is gone.
      runs.isTold = type === 'ended' && runs.aheadMs === this.#aheadMs(task);
    }
  }

  /** What is not as it should be once all has come to rest. */
  unsettled(running: readonly SimulatedRecord[]): readonly string[] {
    return [...this.given.values()].flatMap((task) => {
      if (!task.isAccepted || this.#mayForget) return [];
      const runs = running.some(({ taskId }) => taskId === task.id);
      return this.#unsettledTask(task, runs) ?? [];
    });
  }

  #unsettledTask({ id, node, isStopped }: GivenTask, runs: boolean): string | undefined {
    const worker = this.#cluster.machines.get(node)?.worker;
    let task: Task | undefined;
    try {
      task = worker?.listTasks().find((one) => one.id === id);
    } catch {
      // It has not started yet.
    }
    const name = `standalone task ${id} on ${node}`;
    if (task === undefined) return `[ack-durable] ${name} is not known there`;
    const { state, restartDelayMs } = task.status;
    if (isStopped && runs) return `[stop-wins] ${name} was stopped and runs`;
    if (state === 'scheduled' || restartDelayMs !== undefined)
      return `[quiesce] ${name} is ${state}`;
    if ((state === 'running') === runs) return undefined;
    return runs
      ? `[no-unknown] ${name} runs and is ${state}`
      : `[running-true] ${name} does not run`;
  }

  #aheadMs({ node }: GivenTask): number {
    const { clock, machines } = this.#cluster;
    return (machines.get(node)?.clock.now() ?? 0) - clock.now();
  }

  #checkRestart({ id, spec }: GivenTask, runs: Runs, now: number): void {
    const { startedAt, endedAt } = runs;
    if (startedAt === undefined || endedAt === undefined) return;
    this.#onRestart();
    const { restart } = spec;
    // With a stepped clock, and a worker that saw the end late, nothing tells that it was short.
    const isShort =
      runs.isTold === true && endedAt - startedAt < durationMs(restart.window) - SLACK_MS;
    runs.shortCount = isShort ? runs.shortCount + 1 : 0;
    if (this.#mayForget) return;
    const waitedMs = now - endedAt;
    if (waitedMs < durationMs(restart.delay) - SLACK_MS) {
      this.violations.push(`[counts] ${id} was started again ${waitedMs} ms after its end`);
    }
    const { attempts } = restart;
    if (attempts === undefined || runs.shortCount <= attempts) return;
    this.violations.push(`[counts] ${id} was started again after ${runs.shortCount} short runs`);
  }
}
