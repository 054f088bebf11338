import type { Task } from '../../task/task.ts';
import { taskSpecSchema } from '../../task/task-spec.ts';
import type { SimulatedCluster } from '../cluster/simulated-cluster.ts';
import { RequestHistory } from '../linearizability/request-history.ts';
import type { Flight, InFlight } from './in-flight.ts';
import type { Scope } from './scope.ts';

export const TASK_ID = '11111111-1111-4111-8111-111111111111';

const origin = { requestId: 'client' };

type Wish = 'submit' | 'stop';

/**
 * One client with one task, which it submits and may stop. It asks again for as long as it was not
 * told that it is so.
 */
export class ExploredClient {
  readonly requests: RequestHistory;
  readonly acknowledged = new Set<Wish>();
  readonly #scope: Scope;
  readonly #cluster: SimulatedCluster;
  readonly #inFlight: InFlight;
  #isAsking = false;

  constructor(scope: Scope, cluster: SimulatedCluster, inFlight: InFlight) {
    this.#scope = scope;
    this.#cluster = cluster;
    this.#inFlight = inFlight;
    this.requests = new RequestHistory({ isRepeating: scope.copyCountMax > 0 });
  }

  /** The task must have been submitted before anything else is of interest. */
  get isDone(): boolean {
    return this.acknowledged.has('submit');
  }

  /** What it asks next, if it may ask now. */
  get next(): Wish | undefined {
    if (this.#isAsking || !isServing(this.#cluster)) return undefined;
    if (!this.acknowledged.has('submit')) return 'submit';
    return this.#scope.mayStop && !this.acknowledged.has('stop') ? 'stop' : undefined;
  }

  ask(wish: Wish): void {
    this.#isAsking = true;
    this.#request(wish)
      .then(() => this.acknowledged.add(wish))
      // The manager died, or refuses; whether it did as asked is unknown.
      .catch(() => undefined)
      .finally(() => {
        this.#isAsking = false;
      });
  }

  /** What was promised to it and is not so; nothing when all is well. */
  unkept(task: Task | undefined): readonly string[] {
    if (!this.acknowledged.has('submit')) return ['[quiesce] the submission is not acknowledged'];
    if (task === undefined) return ['[ack-durable] the task is lost'];
    const isForgotten = this.acknowledged.has('stop') && task.status.desired !== 'stopped';
    return isForgotten ? ['[ack-durable] the stop is lost'] : [];
  }

  /** The same request once more, late, for nobody. */
  copyOf(wish: Wish): Flight {
    return {
      name: `${this.#inFlight.name(wish)} again`,
      actor: 'manager',
      kind: 'late',
      deliver: () => {
        if (isServing(this.#cluster)) void this.#act(wish).catch(() => undefined);
      },
    };
  }

  async #request(wish: Wish): Promise<void> {
    if (wish === 'submit') await this.requests.submit(TASK_ID, () => this.#submit());
    else await this.requests.stop(TASK_ID, () => this.#stop());
  }

  async #act(wish: Wish): Promise<void> {
    if (wish === 'submit') await this.#submit();
    else await this.#stop();
  }

  #submit(): ReturnType<SimulatedCluster['service']['submit']> {
    const { managerLife, service } = this.#cluster;
    const { onNodeLost } = this.#scope;
    const spec = taskSpecSchema.parse({ name: 'server', command: 'serve', cpu: 0.5, onNodeLost });
    return managerLife.serve(() => service.submit({ id: TASK_ID, spec }, origin));
  }

  async #stop(): Promise<Awaited<ReturnType<SimulatedCluster['task']>>> {
    const { managerLife, service } = this.#cluster;
    return (await managerLife.serve(() => service.stopTask(TASK_ID, origin))).task;
  }
}

/** Whether a manager is there that has begun its reign. */
function isServing(cluster: SimulatedCluster): boolean {
  if (!cluster.hasManager) return false;
  try {
    cluster.manager.status();
    return true;
  } catch {
    // It has not started yet.
    return false;
  }
}
