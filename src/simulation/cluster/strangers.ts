import type { SimulatedRecord, SimulatedWorld } from '../../runtime/simulated/simulated-world.ts';
import { taskSpecSchema } from '../../task/task-spec.ts';

/** The cluster that strangers are labelled with. */
export const FOREIGN_CLUSTER = 'of somebody else';

const spec = taskSpecSchema.parse({ name: 'stranger', command: 'app', onNodeLost: 'wait' });

/** The worker label of what runs on a machine beside what this worker has started. */
export function strangerOf(worker: string): string {
  return `beside ${worker}`;
}

/** Whether the record speaks of what is none of the cluster's business. */
export function isStranger({ cluster }: Pick<SimulatedRecord, 'cluster'>): boolean {
  return cluster === FOREIGN_CLUSTER;
}

/**
 * Lets run on a worker's machine what is none of its business: one instance of another worker in
 * each runtime, and one with its own label that belongs to another cluster.
 */
export function addStrangers(world: SimulatedWorld, worker: string): void {
  for (const runtime of ['docker', 'process'] as const) {
    for (const label of [strangerOf(worker), worker]) {
      const scope = world.scope(label, runtime);
      const number = label === worker ? 1 : 2;
      const key = { taskId: `00000000-0000-4000-8000-00000000000${number}`, attempt: 1 };
      world.start(scope, world.create(scope, { ...key, cluster: FOREIGN_CLUSTER, spec }));
    }
  }
}

/** Sees to it that strangers never receive an operation. */
export class StrangerWatch {
  readonly violations: string[] = [];

  onWorld({ atMs, type, cause, worker, runtimeId }: SimulatedRecord): void {
    if (cause !== 'runtime' || type === 'created' || type === 'started') return;
    this.violations.push(
      `[no-foreign] at ${atMs} ms: ${runtimeId}, labelled ${worker}, is ${type}, and not ours`,
    );
  }
}
