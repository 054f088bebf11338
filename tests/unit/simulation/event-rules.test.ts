import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
import { brokenRules } from '../../../src/simulation/invariants/event-rules.ts';
import type { Task } from '../../../src/task/task.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import type { TaskStatus } from '../../../src/task/task-status.ts';

const spec = taskSpecSchema.parse({ name: 'web', command: 'app' });

const status: TaskStatus = {
  state: 'running',
  desired: 'running',
  attempt: 2,
  restartCount: 1,
  node: 'n1',
  runtimeId: '1001',
};

const task = (change: Partial<TaskStatus> = {}, other: Partial<Task> = {}): Task => ({
  id: 't',
  spec,
  status: { ...status, ...change },
  createdAt: '2030-01-01T00:00:00.000Z',
  createdRevision: 1,
  revision: 1,
  ...other,
});

const event = (change: Partial<CubeEvent>): CubeEvent => ({
  revision: 2,
  id: 'e',
  time: '2030-01-01T00:00:00.000Z',
  type: 'task-health-changed',
  taskId: 't',
  attempt: 2,
  cause: 'report of n1',
  correlationId: 't/2',
  actor: 'worker n1',
  ...change,
});

describe('an event of a task', () => {
  it.for<[string, Partial<CubeEvent>, Task]>([
    ['transition', { actor: 'user' }, task({ health: 'healthy' })],
    ['reason', { type: 'task-waiting', actor: 'scheduler' }, task()],
    ['spec-immutable', { spec }, task()],
    ['spec-immutable', {}, task({}, { spec: { ...spec, priority: 1 } })],
    ['counts', {}, task({ restartCount: 0 })],
    ['counts', {}, task({ restartCount: 2 })],
    ['attempt-monotone', { attempt: 1, status: { health: 'healthy' } }, task()],
    ['attempt-monotone', {}, task({ node: 'n2' })],
    ['adopt', {}, task({ runtimeId: '1002' })],
  ])('that breaks %s is found', ([check, change, after]) => {
    const broken = brokenRules({ event: event(change), before: task(), after });
    expect(broken.map(([name]) => name)).toEqual([check]);
  });

  it('that counts a restart breaks nothing', () => {
    const broken = brokenRules({
      event: event({ type: 'task-scheduled', actor: 'scheduler', attempt: 3 }),
      before: task({ state: 'failed' }),
      after: task({ state: 'scheduled', attempt: 3, restartCount: 2, node: 'n2' }),
    });
    expect(broken).toEqual([]);
  });
});
