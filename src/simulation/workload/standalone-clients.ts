import { isCubeError } from '../../errors/cube-error.ts';
import type { ErrorCode } from '../../errors/error-codes.ts';
import { type TaskSpec, taskSpecSchema } from '../../task/task-spec.ts';
import type { SimulatedCluster } from '../cluster/simulated-cluster.ts';
import type { Dice } from '../dice.ts';
import type { GivenTask, StandaloneWatch } from '../invariants/standalone-watch.ts';
import type { WorldWatch } from '../invariants/world-watch.ts';
import type { Mix } from '../mix.ts';
import { CLIENT } from '../network/simulated-network.ts';
import { drawSpec } from './draw-spec.ts';

/** What a client of a worker may be told instead of a yes. */
const honestErrors: readonly ErrorCode[] = [
  'unreachable',
  'unavailable',
  'storage-full',
  'storage-failed',
];

const TASK_COUNT_MAX = 10;

export interface StandaloneClientsOptions {
  readonly cluster: SimulatedCluster;
  readonly watch: StandaloneWatch;
  readonly world: WorldWatch;
  readonly mix: Mix;
  readonly dice: Dice;
}

/** Those who give tasks to workers directly, at a worker's own door. */
export class StandaloneClients {
  readonly violations: string[] = [];
  readonly #options: StandaloneClientsOptions;

  constructor(options: StandaloneClientsOptions) {
    this.#options = options;
  }

  /** One request of a kind drawn by chance. */
  request(): void {
    const { dice, watch } = this.#options;
    const given = [...watch.given.values()];
    const what = dice.random.next();
    if (given.length === 0 || (what < 0.5 && given.length < TASK_COUNT_MAX)) {
      const task = this.#draw();
      this.#run(task, () => this.#submit(task));
      return;
    }
    const task = dice.pick(given);
    if (what < 0.6) this.#run(task, () => this.#submit(task));
    else if (what < 0.75) this.#run(task, () => this.#stop(task));
  }

  #run(task: GivenTask, request: () => Promise<void>): void {
    const { mix } = this.#options;
    request().catch((error: unknown) => {
      if (isCubeError(error) && honestErrors.includes(error.code)) return;
      // A worker whose records were lost knows of no task.
      if (mix.faults.includes('worker-disk-lost') && isCubeError(error, 'not-found')) return;
      this.violations.push(`[honest-error] a client of ${task.node} was told: ${String(error)}`);
    });
  }

  #draw(): GivenTask {
    const { dice, mix, watch, cluster, world } = this.#options;
    const node = dice.pick([...cluster.machines.keys()]);
    const drawn = drawSpec(dice, mix);
    const spec: TaskSpec = taskSpecSchema.parse({
      ...drawn,
      // What the manager knows nothing of must not be in the way of what it places.
      ports: [],
      onNodeLost: 'wait',
    });
    const id = dice.random.uuid();
    // A worker whose records were lost may be given the task anew beside what still runs.
    if (!mix.faults.includes('worker-disk-lost')) world.atMostOnce.add(id);
    return watch.give({ id, node, spec });
  }

  async #submit(task: GivenTask): Promise<void> {
    const { cluster, watch } = this.#options;
    const { id, spec, node } = task;
    await cluster.askWorker(CLIENT, node, async (worker) => {
      const reply = await worker.submit({ id, spec });
      await watch.onAccepted(task, reply.task);
    });
    task.isAccepted = true;
  }

  async #stop(task: GivenTask): Promise<void> {
    const { cluster } = this.#options;
    const wasAccepted = task.isAccepted;
    try {
      await cluster.askWorker(CLIENT, task.node, (worker) => worker.stopTask(task.id));
      // Only after a yes to both: a submission that is under way may come after the stop.
      if (wasAccepted) task.isStopped = true;
    } catch (error) {
      if (!isCubeError(error, 'not-found') || wasAccepted) throw error;
    }
  }
}
