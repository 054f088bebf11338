import type { CubeEvent } from '../../event/event.ts';
import type { SimulatedRecord } from '../../runtime/simulated/simulated-world.ts';
import { durationMs } from '../../task/spec-fields.ts';
import type { TaskSpec } from '../../task/task-spec.ts';

/** For what the sums of many small waits are off by, in milliseconds. */
const SLACK_MS = 1;

/**
 * Holds the waits of managers and workers against true time, whatever their own clocks say: nothing
 * is started again before its wait is over, no restart is forgiven before its window has passed,
 * and nothing is killed before it has had its time to end.
 */
export class PaceWatch {
  readonly violations: string[] = [];
  readonly #now: () => number;
  readonly #specs = new Map<string, TaskSpec>();
  /** When the wait of a failed task is over. */
  readonly #dueAt = new Map<string, number>();
  readonly #runningSince = new Map<string, number>();
  readonly #recentRestarts = new Map<string, number>();
  readonly #signalledAt = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** An event of the manager's log, as it reaches the disk. */
  onEvent({ type, taskId, spec, status, revision }: CubeEvent): void {
    if (taskId === undefined) return;
    const now = this.#now();
    if (spec !== undefined) this.#specs.set(taskId, spec);
    if (type === 'task-scheduled') {
      const earlyMs = (this.#dueAt.get(taskId) ?? now) - now;
      if (earlyMs > SLACK_MS) {
        this.#violated('counts', `revision ${revision}: ${taskId} restarts ${earlyMs} ms early`);
      }
      this.#dueAt.delete(taskId);
      this.#runningSince.delete(taskId);
    }
    // Whoever asks for a restart cuts the wait short, and has all that was before forgiven.
    if (type === 'task-restart-requested' && status?.restartDelayMs === 0) {
      this.#dueAt.delete(taskId);
      this.#recentRestarts.delete(taskId);
    }
    if (type === 'task-started') this.#runningSince.set(taskId, now);
    if (type !== 'task-failed') return;
    if (typeof status?.restartDelayMs === 'number') {
      this.#dueAt.set(taskId, now + status.restartDelayMs);
    }
    if (typeof status?.recentRestartCount === 'number') {
      this.#checkForgiven({ taskId, revision, recent: status.recentRestartCount });
    }
  }

  /** What truly happens. */
  onWorld({ taskId, attempt, worker, type, cause }: SimulatedRecord): void {
    const instance = `${taskId}/${attempt} on ${worker}`;
    const now = this.#now();
    const signalledAt = this.#signalledAt.get(instance);
    if (type === 'signalled') this.#signalledAt.set(instance, signalledAt ?? now);
    if (type !== 'ended' || cause !== 'runtime' || signalledAt === undefined) return;
    const graceMs = this.#graceMs(taskId);
    if (now - signalledAt >= graceMs - SLACK_MS) return;
    this.#violated('grace', `${instance} was killed ${now - signalledAt} ms after its signal`);
  }

  /** A spec that the log does not speak of, of a task that was given to a worker. */
  onSpec(taskId: string, spec: TaskSpec): void {
    this.#specs.set(taskId, spec);
  }

  #checkForgiven(failed: {
    readonly taskId: string;
    readonly revision: number;
    readonly recent: number;
  }): void {
    const { taskId, revision, recent } = failed;
    const before = this.#recentRestarts.get(taskId) ?? 0;
    this.#recentRestarts.set(taskId, recent);
    if (recent > before) return;
    const since = this.#runningSince.get(taskId);
    const ranMs = since === undefined ? 0 : this.#now() - since;
    const windowMs = durationMs(this.#specs.get(taskId)?.restart.window ?? '0s');
    if (ranMs >= windowMs - SLACK_MS) return;
    this.#violated('counts', `revision ${revision}: ${taskId} is forgiven after ${ranMs} ms`);
  }

  #graceMs(taskId: string): number {
    const spec = this.#specs.get(taskId);
    return spec === undefined ? 0 : durationMs(spec.stopTimeout);
  }

  #violated(check: string, what: string): void {
    this.violations.push(`[${check}] at ${Math.round(this.#now())} ms: ${what}`);
  }
}
