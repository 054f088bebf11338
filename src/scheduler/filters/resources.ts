import type { Resources } from '../../node/node.ts';
import type { Rejection, RejectionCode } from '../../task/placement.ts';
import { formatBytes } from '../../task/quantity.ts';
import type { Task } from '../../task/task.ts';
import { capacityMilliCores, committedMilliCores, requestMilliCores } from '../milli-cores.ts';
import type { NodeSnapshot } from '../scheduler.ts';
import { acceptEveryNode, type Filter, type NodeCheck, noRejections } from './filter.ts';

/**
 * What the task requests has to be free: capacity less what is promised already, for each resource
 * on its own. Measured use plays no part here, so that a promise once made is always kept and a
 * task never waits for a moment of calm. A request that is absent asks for nothing.
 */
export const cpuFilter: Filter = (task: Task): NodeCheck => {
  if (task.spec.cpu === undefined) return acceptEveryNode;
  return resourceCheck({
    code: 'cpu-short',
    needed: requestMilliCores(task.spec.cpu),
    capacity: (resources) => capacityMilliCores(resources.cpu),
    committed: (resources) => committedMilliCores(resources.cpu),
    toUnit: (milliCores) => milliCores / 1000,
    describe: describeCores,
  });
};

export const memoryFilter: Filter = (task: Task): NodeCheck => {
  if (task.spec.memory === undefined) return acceptEveryNode;
  return resourceCheck({
    code: 'memory-short',
    needed: task.spec.memory,
    capacity: (resources) => resources.memory,
    committed: (resources) => resources.memory,
    toUnit: (bytes) => bytes,
    describe: describeBytes('memory'),
  });
};

export const diskFilter: Filter = (task: Task): NodeCheck => {
  if (task.spec.disk === undefined) return acceptEveryNode;
  return resourceCheck({
    code: 'disk-short',
    needed: task.spec.disk,
    capacity: (resources) => resources.disk,
    committed: (resources) => resources.disk,
    toUnit: (bytes) => bytes,
    describe: describeBytes('disk'),
  });
};

interface Shortage {
  readonly needed: number;
  readonly free: number;
  readonly capacity: number;
}

interface ResourceCheckOptions {
  readonly code: RejectionCode;
  readonly needed: number;
  readonly capacity: (resources: Resources) => number;
  readonly committed: (resources: Resources) => number;
  readonly toUnit: (amount: number) => number;
  readonly describe: (shortage: Shortage) => string;
}

function resourceCheck(options: ResourceCheckOptions): NodeCheck {
  const { code, needed } = options;
  return (candidate: NodeSnapshot): readonly Rejection[] => {
    const capacity = options.capacity(candidate.node.capacity);
    const free = capacity - options.committed(candidate.committed);
    if (free >= needed) return noRejections;
    // An unknown amount is not a shortage; the filter for nodes that cannot be judged refuses it.
    if (!Number.isFinite(free)) return noRejections;
    return [
      {
        code,
        message: options.describe({ needed, free, capacity }),
        needed: options.toUnit(needed),
        available: options.toUnit(Math.max(0, free)),
      },
    ];
  };
}

function describeCores({ needed, free, capacity }: Shortage): string {
  const noun = needed === 1000 ? 'core' : 'cores';
  const has = Math.max(0, free) / 1000;
  return `needs ${needed / 1000} ${noun}, ${has} of ${capacity / 1000} are free`;
}

function describeBytes(noun: string): (shortage: Shortage) => string {
  return ({ needed, free, capacity }) => {
    const has = Math.max(0, free);
    // Rounded alike, the two would seem to be equal: then every digit counts.
    const isClose = formatBytes(needed) === formatBytes(has);
    const format = isClose ? (bytes: number): string => `${bytes} bytes` : formatBytes;
    return `needs ${format(needed)} of ${noun}, ${format(has)} of ${format(capacity)} are free`;
  };
}
