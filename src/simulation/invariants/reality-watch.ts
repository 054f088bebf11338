import type { CubeEvent } from '../../event/event.ts';
import type { SimulatedRecord } from '../../runtime/simulated/simulated-world.ts';
import { isPlaced, type Task } from '../../task/task.ts';

export interface RealityWatchOptions {
  /** The task as the log on the disk has it. */
  readonly findTask: (id: string) => Task | undefined;
  /** Whether workers may have lost their records, and with them what they had started. */
  readonly mayForget: boolean;
}

/**
 * In each span of so many milliseconds a task may start so often: once for each second, which is
 * the shortest wait of simulated tasks, and now and then for a node that was lost.
 */
const SPAN_MS = 10_000;
const STARTS_PER_SPAN_MAX = 15;

/**
 * Holds what truly happens on the machines against the log at that moment: nothing is started or
 * stopped that the log does not call for, and the log tells no end that was not.
 */
export class RealityWatch {
  readonly violations: string[] = [];
  readonly #options: RealityWatchOptions;
  /** When each task was started lately. */
  readonly #starts = new Map<string, number[]>();
  /** The instance of each attempt, by task and attempt. */
  readonly #instances = new Map<string, string>();
  /** The attempts of each task that run, each with its instance. */
  readonly #running = new Map<string, Map<number, string>>();
  /** The attempts that were given up, since their node or their machine has lost them. */
  readonly #givenUp = new Set<string>();
  /** The attempts that were unhealthy once: the order to stop one may arrive when it is well. */
  readonly #unhealthy = new Set<string>();
  /** The attempts of whose start the log tells. */
  readonly #told = new Set<string>();
  /** With which codes each attempt ended. */
  readonly #exitCodes = new Map<string, Set<number>>();

  constructor(options: RealityWatchOptions) {
    this.#options = options;
  }

  onWorld(record: SimulatedRecord): void {
    const { taskId, attempt, type } = record;
    const running = this.#running.get(taskId) ?? new Map<number, string>();
    this.#running.set(taskId, running);
    if (type === 'started') {
      this.#checkStart(record, running);
      running.set(attempt, `${record.worker} ${record.runtimeId}`);
    }
    if (type === 'signalled' || (type === 'ended' && record.cause === 'runtime')) {
      this.#checkStop(record);
    }
    if (type === 'ended' && typeof record.exitCode === 'number') {
      const name = `${taskId}/${attempt}`;
      const codes = this.#exitCodes.get(name) ?? new Set();
      this.#exitCodes.set(name, codes.add(record.exitCode));
    }
    if (type === 'ended' || type === 'removed') {
      const instance = `${record.worker} ${record.runtimeId}`;
      if (running.get(attempt) === instance) running.delete(attempt);
      if (record.cause === 'outside') this.#forgetUnseen(record);
    }
  }

  onEvent(event: CubeEvent): void {
    const { taskId, attempt, status, reason } = event;
    if (taskId === undefined || attempt === undefined) return;
    const name = `${taskId}/${attempt}`;
    const exitCode = status?.exitCode;
    if (reason?.code === 'node-lost' || reason?.code === 'lost') this.#givenUp.add(name);
    if (event.type === 'task-started') this.#told.add(name);
    if (status?.health === 'unhealthy') this.#unhealthy.add(name);
    if (typeof exitCode !== 'number' || this.#exitCodes.get(name)?.has(exitCode) === true) return;
    this.#violated('reason', `revision ${event.revision}: ${name} did not exit with ${exitCode}`);
  }

  #checkStart(record: SimulatedRecord, running: ReadonlyMap<number, string>): void {
    const { taskId, attempt, runtimeId, worker, atMs } = record;
    const name = `${taskId}/${attempt}`;
    for (const other of running.keys()) {
      if (other >= attempt || this.#givenUp.has(`${taskId}/${other}`)) continue;
      const what = `${name} starts while attempt ${other} runs, which nobody has given up`;
      this.#violated('bounded-two', what);
    }
    const earlier = this.#instances.get(name);
    this.#instances.set(name, `${worker} ${runtimeId}`);
    if (earlier !== undefined && !this.#options.mayForget) {
      this.#violated('adopt', `${name} is started as ${runtimeId}, and was ${earlier}`);
    }
    const starts = this.#starts.get(taskId) ?? [];
    this.#starts.set(taskId, starts);
    starts.push(atMs);
    if (starts.length <= STARTS_PER_SPAN_MAX) return;
    const spanMs = atMs - (starts.shift() ?? 0);
    if (spanMs >= SPAN_MS) return;
    this.#violated('no-storm', `${name}: ${STARTS_PER_SPAN_MAX + 1} starts within ${spanMs} ms`);
  }

  /**
   * What others removed before anybody had told of its start is as if it had never been: the same
   * attempt is started for it.
   */
  #forgetUnseen({ taskId, attempt, type }: SimulatedRecord): void {
    const name = `${taskId}/${attempt}`;
    if (type === 'removed' && !this.#told.has(name)) this.#instances.delete(name);
  }

  /** Nothing that is to run is stopped, whoever crashed or was restarted. */
  #checkStop({ taskId, attempt, type, atMs }: SimulatedRecord): void {
    const task = this.#options.findTask(taskId);
    if (task === undefined || task.status.desired === 'stopped') return;
    if (attempt !== task.status.attempt || !isPlaced(task)) return;
    if (task.status.replacing?.attempt === attempt) return;
    if (this.#unhealthy.has(`${taskId}/${attempt}`)) return;
    this.#violated('undisturbed', `${taskId}/${attempt} is to run, and was ${type} at ${atMs} ms`);
  }

  #violated(check: string, what: string): void {
    this.violations.push(`[${check}] ${what}`);
  }
}
