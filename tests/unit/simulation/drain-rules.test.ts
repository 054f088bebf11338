import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
import type { Node } from '../../../src/node/node.ts';
import { brokenByMove } from '../../../src/simulation/invariants/drain-rules.ts';
import type { Task } from '../../../src/task/task.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import type { TaskStatus } from '../../../src/task/task-status.ts';

const reason = { code: 'node-drained', message: 'Node n1 is drained.' } as const;

const task = (id: string, change: Partial<TaskStatus> = {}): Task => ({
  id,
  spec: taskSpecSchema.parse({ name: id, command: 'app' }),
  status: {
    state: 'running',
    desired: 'running',
    attempt: 1,
    restartCount: 0,
    node: 'n1',
    ...change,
  },
  createdAt: '2030-01-01T00:00:00.000Z',
  createdRevision: 1,
  revision: 1,
});

const node = (draining: boolean): Node => ({
  name: 'n1',
  address: 'http://n1:5556',
  id: '00000000-0000-4000-8000-000000000001',
  capacity: { cpu: 1, memory: 1, disk: 1 },
  labels: {},
  runtimes: [],
  bindRoots: [],
  version: 'test',
  liveness: 'up',
  livenessSince: '2030-01-01T00:00:00.000Z',
  draining,
  revision: 1,
});

const move: CubeEvent = {
  revision: 2,
  id: 'e',
  time: '2030-01-01T00:00:00.000Z',
  type: 'task-restart-requested',
  taskId: 'a',
  node: 'n1',
  reason,
  cause: 'node n1 is drained',
  correlationId: 'a',
  actor: 'manager',
};

function broken(event: CubeEvent, draining: boolean, ...tasks: readonly Task[]): string[] {
  const before = {
    tasks: new Map(tasks.map((one) => [one.id, one])),
    nodes: new Map([['n1', node(draining)]]),
  };
  return brokenByMove(event, before).map(([check]) => check);
}

const onItsWay = { state: 'pending', replacing: { attempt: 1, node: 'n1', reason } } as const;

describe('a task that leaves a drained node', () => {
  it('may do so when no other is on its way', () => {
    expect(broken(move, true, task('a'), task('b'))).toEqual([]);
  });

  it('may not leave while another is on its way', () => {
    expect(broken(move, true, task('a'), task('b', onItsWay))).toEqual(['drain']);
  });

  it('may leave when the one on its way left another node', () => {
    const other = { ...onItsWay, replacing: { attempt: 1, node: 'n2', reason } };
    expect(broken(move, true, task('a'), task('b', other))).toEqual([]);
  });

  it('may not leave a node that is not drained', () => {
    expect(broken(move, false, task('a'))).toEqual(['drain']);
  });

  it('may not be started again when it was stopped', () => {
    expect(broken(move, true, task('a', { desired: 'stopped' }))).toEqual(['stop-wins']);
  });
});
