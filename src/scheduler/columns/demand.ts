import type { Resources } from '../../node/node.ts';
import type { Task } from '../../task/task.ts';
import { requestMilliCores } from '../milli-cores.ts';
import { requestedPorts } from '../port-keys.ts';
import { scoredDemand } from '../utilisation.ts';

/** Everything of a task that a decision depends on, apart from how equals are told apart. */
export interface Demand {
  readonly task: Task;
  /** The same for all tasks that get the same verdict and score from every node. */
  readonly key: string;
  /** The same for all tasks that ask the same of the node itself, however much room they need. */
  readonly standingKey: string;
  /** Milli-cores and bytes that have to be free; an infinite debt where nothing is asked for. */
  readonly cpu: number;
  readonly memory: number;
  readonly disk: number;
  readonly ports: readonly string[];
  /** What it counts for in a score. */
  readonly scored: Resources;
}

export function toDemand(task: Task): Demand {
  const { cpu, memory, disk } = task.spec;
  const ports = requestedPorts(task.spec);
  const standing = standingKey(task);
  const wanted = ports.length === 0 ? '' : ports.join();
  return {
    task,
    key: `${cpu} ${memory} ${disk} ${wanted} ${standing}`,
    standingKey: standing,
    cpu: cpu === undefined ? Number.NEGATIVE_INFINITY : requestMilliCores(cpu),
    memory: memory ?? Number.NEGATIVE_INFINITY,
    disk: disk ?? Number.NEGATIVE_INFINITY,
    ports,
    scored: scoredDemand(task),
  };
}

function standingKey({ spec }: Task): string {
  const { runtime, constraints, binds, disk } = spec;
  const base = disk === undefined ? `${runtime}` : `${runtime} disk`;
  if (constraints.length === 0 && binds.length === 0) return base;
  return `${base} ${JSON.stringify([constraints, binds.map(({ source }) => source)])}`;
}
