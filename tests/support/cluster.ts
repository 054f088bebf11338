import type { Node } from '../../src/node/node.ts';
import type { ClusterSnapshot, NodeSnapshot } from '../../src/scheduler/scheduler.ts';
import type { Task } from '../../src/task/task.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../src/task/task-spec.ts';
import type { TaskStatus } from '../../src/task/task-status.ts';

export const GIB: number = 1024 ** 3;

const EPOCH = '1970-01-01T00:00:00.000Z';

/** A node that is up, with 4 cores, 16 GiB and 100 GiB of disk, except as given. */
export function makeNode(name: string, facts: Partial<Node> = {}): Node {
  return {
    id: '00000000-0000-4000-8000-000000000001',
    name,
    address: 'http://127.0.0.1:5556',
    capacity: { cpu: 4, memory: 16 * GIB, disk: 100 * GIB },
    labels: {},
    runtimes: [
      { name: 'docker', available: true },
      { name: 'process', available: true },
    ],
    bindRoots: [],
    version: '0.1.0',
    liveness: 'up',
    livenessSince: EPOCH,
    draining: false,
    revision: 1,
    ...facts,
  };
}

/** A node without tasks, except as given. */
export function makeNodeSnapshot(
  node: Node,
  promised: Partial<Omit<NodeSnapshot, 'node'>> = {},
): NodeSnapshot {
  return {
    node,
    committed: { cpu: 0, memory: 0, disk: 0 },
    taskCount: 0,
    withoutRequest: { cpu: 0, memory: 0 },
    ports: new Set(),
    ...promised,
  };
}

export function makeSnapshot(
  nodes: readonly (Node | NodeSnapshot)[],
  lastNode?: string,
): ClusterSnapshot {
  return {
    nodes: nodes.map((node) => ('node' in node ? node : makeNodeSnapshot(node))),
    lastNode,
  };
}

/** The id of the task with that number. */
export function taskId(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** A pending process, except as given. */
export function makeTask(
  spec: Partial<TaskSpecInput> = {},
  more: { readonly number?: number; readonly status?: Partial<TaskStatus> } = {},
): Task {
  const program = spec.image === undefined ? { command: 'sleep' } : {};
  return {
    id: taskId(more.number ?? 1),
    spec: taskSpecSchema.parse({ name: 'task', ...program, ...spec }),
    status: { state: 'pending', desired: 'running', attempt: 0, restartCount: 0, ...more.status },
    createdAt: EPOCH,
    createdRevision: 1,
    revision: 1,
  };
}

/** The task as the next attempt of it is placed on the node. */
export function placedOn(task: Task, node: string): Task {
  const attempt = task.status.attempt + 1;
  return { ...task, status: { ...task.status, state: 'scheduled', node, attempt } };
}
