import { CubeError } from '../errors/cube-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { AttemptUsage, LogLine, LogOptions } from '../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../link/session.ts';
import type { Task } from '../task/task.ts';
import type { ClusterState } from './cluster-state.ts';
import { outputNode } from './output-node.ts';
import type { TaskWithAge } from './task-age.ts';
import type { WorkerLink } from './worker-link.ts';

export interface RunningAttemptsOptions {
  readonly state: Pick<ClusterState, 'nodes' | 'findNode'>;
  readonly link: Pick<WorkerLink, 'logs' | 'openSession' | 'usage'>;
  readonly clock: Clock;
  readonly getTask: (id: string) => Promise<TaskWithAge>;
}

/** Measured use of the attempts that run now. */
export interface ClusterUsage {
  readonly items: readonly (AttemptUsage & { readonly node: string })[];
  /** Nodes that did not tell in time. */
  readonly silent: readonly string[];
}

/** A node that takes longer than this is left out. */
const USAGE_MS = 3000;

/** What only the workers can tell of tasks, or do with them; nothing of it is in the log. */
export class RunningAttempts {
  readonly #options: RunningAttemptsOptions;

  constructor(options: RunningAttemptsOptions) {
    this.#options = options;
  }

  /** The output of the current attempt, from its worker. */
  async *logs(id: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
    const { state, link, getTask } = this.#options;
    const { task } = await getTask(id);
    const { address } = outputNode(task, state);
    const key = { taskId: id, attempt: task.status.attempt };
    yield* link.logs(address, key, { ...options, signal });
  }

  /**
   * Runs a command in the current attempt.
   *
   * @throws CubeError `not-found`; `conflict`, when the task does not run.
   */
  async *openSession(id: string, options: SessionOptions): AsyncGenerator<SessionOutput> {
    const { state, link, getTask } = this.#options;
    const { task } = await getTask(id);
    const { node: name, attempt } = task.status;
    const node = name === undefined ? undefined : state.findNode(name);
    if (node === undefined || task.status.state !== 'running') throw notRunning(task);
    yield* link.openSession(node.address, { taskId: id, attempt }, options);
  }

  /** Asks every node that is there, at once. */
  async usage(): Promise<ClusterUsage> {
    const { state, link, clock } = this.#options;
    const abort = new AbortController();
    const timer = clock.setTimer(USAGE_MS, () => abort.abort(new Error('It took too long.')));
    const silent: string[] = [];
    const lists = await Promise.all(
      state.nodes().map(async ({ name, address, liveness }) => {
        try {
          if (liveness === 'down') throw new CubeError('unreachable', 'It is down.');
          const list = await link.usage(address, abort.signal);
          return list.map((usage) => ({ ...usage, node: name }));
        } catch {
          // Why a node does not answer is told by its liveness.
          silent.push(name);
          return [];
        }
      }),
    );
    timer.cancel();
    return { items: lists.flat(), silent: silent.sort() };
  }
}

function notRunning({ id, status }: Task): CubeError {
  const again = status.restartDelayMs === undefined ? '' : ', and waits to be started again';
  return new CubeError('conflict', `Task ${id} does not run: it is ${status.state}${again}.`, {
    hint: `See "cube explain ${id}" for why.`,
  });
}
