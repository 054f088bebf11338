import type { EventReply } from '../../src/client/event-stream.ts';
import type { NodeReply, TaskReply } from '../../src/link/replies.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../src/task/task-spec.ts';

/** Any task id, the same for the same number. */
export function taskIdOf(number: number): string {
  return `${number.toString(16).padStart(8, '0')}-0000-4000-8000-000000000001`;
}

/** A task as the manager answers it. */
export function taskReplyOf(
  spec: Partial<TaskSpecInput> = {},
  overrides: { readonly id?: string; readonly observedAt?: string } & {
    readonly status?: Partial<TaskReply['status']>;
  } = {},
): TaskReply {
  const { status, ...rest } = overrides;
  return {
    id: taskIdOf(1),
    spec: taskSpecSchema.parse({
      name: 'web',
      ...(spec.image === undefined ? { command: 'sleep' } : {}),
      ...spec,
    }),
    status: { state: 'pending', desired: 'running', attempt: 0, restartCount: 0, ...status },
    createdAt: '2026-01-02T03:04:05.000Z',
    createdRevision: 7,
    revision: 7,
    ...rest,
  };
}

export function nodeReplyOf(overrides: Partial<NodeReply> = {}): NodeReply {
  return {
    id: '11111111-1111-4111-8111-111111111111',
    name: 'worker-1',
    address: 'http://127.0.0.1:5556',
    capacity: { cpu: 4, memory: 8 * 1024 ** 3, disk: 100 * 1024 ** 3 },
    labels: {},
    runtimes: [
      { name: 'docker', available: false, reason: 'No Docker Engine answers.' },
      { name: 'process', available: true, version: 'linux' },
    ],
    bindRoots: [],
    version: '0.1.0',
    liveness: 'up',
    livenessSince: '2026-01-02T03:04:05.000Z',
    draining: false,
    revision: 3,
    committed: { cpu: 1.5, memory: 1024 ** 3, disk: 0 },
    taskCount: 2,
    ...overrides,
  };
}

export function eventReplyOf(overrides: Partial<EventReply> = {}): EventReply {
  const revision = overrides.revision ?? 8;
  return {
    revision,
    id: taskIdOf(1000 + revision),
    time: '2026-01-02T03:04:05.000Z',
    type: 'task-started',
    taskId: taskIdOf(1),
    cause: 'observation',
    correlationId: 'request-1',
    actor: 'worker worker-1',
    ...overrides,
  };
}
