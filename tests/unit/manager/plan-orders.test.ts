import { describe, expect, it } from 'vitest';
import { type HeldAttempt, HeldAttempts } from '../../../src/manager/held-attempts.ts';
import { planOrders } from '../../../src/manager/plan-orders.ts';
import type { Task } from '../../../src/task/task.ts';
import type { TaskSpecInput } from '../../../src/task/task-spec.ts';
import type { TaskStatus } from '../../../src/task/task-status.ts';
import { makeTask, taskId } from '../../support/cluster.ts';

const NODE = 'n1';

function task(status: Partial<TaskStatus>, spec: Partial<TaskSpecInput> = {}): Task {
  return makeTask(spec, { status: { node: NODE, attempt: 2, ...status } });
}

function held(attempt: number, more: Partial<HeldAttempt> = {}): HeldAttempt {
  return { taskId: taskId(1), attempt, phase: 'running', stopOrdered: false, ...more };
}

function plan(tasks: readonly Task[], attempts: readonly HeldAttempt[]) {
  const held = new HeldAttempts(attempts);
  const findTask = (id: string) => tasks.find((one) => one.id === id);
  const ids = new Set([...tasks.map(({ id }) => id), ...held.taskIds()]);
  const { orders } = planOrders(ids, { node: NODE, held, findTask });
  held.takeOrders(orders);
  const again = planOrders(ids, { node: NODE, held, findTask });
  expect(again, 'orders that were taken are not given again').toEqual({ orders: none, left: [] });
  const keys = (list: readonly { readonly attempt: number }[]) => list.map((one) => one.attempt);
  return { run: keys(orders.run), stop: keys(orders.stop), forget: keys(orders.forget) };
}

const none = { run: [], stop: [], forget: [] };

describe('orders for a worker', () => {
  it.each<[string, readonly Task[], readonly HeldAttempt[], object]>([
    ['a placed task it lacks is to run', [task({ state: 'scheduled' })], [], { run: [2] }],
    ['what it has is left alone', [task({ state: 'running' })], [held(2)], {}],
    [
      'an attempt found without a record is ordered, so that it is adopted',
      [task({ state: 'running' })],
      [held(2, { phase: 'orphan' })],
      { run: [2] },
    ],
    [
      'a task that is to stop is stopped',
      [task({ state: 'running', desired: 'stopped' })],
      [held(2)],
      { stop: [2] },
    ],
    [
      'a stop reaches it even if it may not have had the order to run',
      [task({ state: 'scheduled', desired: 'stopped' })],
      [],
      { stop: [2] },
    ],
    [
      'an unhealthy task is stopped, to be restarted',
      [task({ state: 'running', health: 'unhealthy' })],
      [held(2)],
      { stop: [2] },
    ],
    [
      'an unhealthy task that is never restarted runs on',
      [task({ state: 'running', health: 'unhealthy' }, { restart: 'never' })],
      [held(2)],
      {},
    ],
    [
      'the older attempt is only stopped while its successor starts here',
      [task({ state: 'scheduled' })],
      [held(1), held(2, { phase: 'preparing' })],
      { stop: [1] },
    ],
    [
      'the older attempt is forgotten when its successor runs',
      [task({ state: 'running' })],
      [held(1, { phase: 'ended' }), held(2)],
      { forget: [1] },
    ],
    [
      'an attempt whose task was placed elsewhere is forgotten',
      [task({ state: 'running', node: 'n2' })],
      [held(1)],
      { forget: [1] },
    ],
    [
      'the last attempt of an ended task is kept for its logs',
      [task({ state: 'completed' })],
      [held(2, { phase: 'ended' })],
      {},
    ],
    [
      'an attempt given up as lost is stopped when its node returns',
      [task({ state: 'failed' })],
      [held(2)],
      { stop: [2] },
    ],
    ['an attempt of an unknown task is forgotten', [], [held(7)], { forget: [7] }],
  ])('%s', (_, tasks, attempts, wanted) => {
    expect(plan(tasks, attempts)).toEqual({ ...none, ...wanted });
  });

  it('drop anonymous volumes only with a task that is gone, not with one that has moved', () => {
    const moved = task({ state: 'running', node: 'n2' });
    const attempts = [held(1), { ...held(4), taskId: taskId(9) }];
    const { orders } = planOrders([taskId(1), taskId(9)], {
      node: NODE,
      held: new HeldAttempts(attempts),
      findTask: (id) => (id === moved.id ? moved : undefined),
    });
    expect(orders.forget).toEqual([
      { taskId: taskId(1), attempt: 1 },
      { taskId: taskId(9), attempt: 4, dropVolumes: true },
    ]);
  });

  it('never make a request larger than a worker takes', () => {
    const args = Array.from({ length: 20 }, () => 'x'.repeat(32_000));
    const placed = Array.from({ length: 60 }, (_, number) =>
      makeTask({ args }, { number, status: { state: 'scheduled', node: NODE, attempt: 1 } }),
    );
    const held = new HeldAttempts();
    const findTask = (id: string) => placed.find((one) => one.id === id);
    let ids: readonly string[] = placed.map(({ id }) => id);
    let requestCount = 0;
    while (ids.length > 0) {
      const { orders, left } = planOrders(ids, { node: NODE, held, findTask });
      expect(JSON.stringify(orders).length).toBeLessThan(16 * 1024 ** 2);
      held.takeOrders(orders);
      ids = left;
      requestCount += 1;
    }
    expect([...held.taskIds()]).toHaveLength(60);
    expect(requestCount).toBeGreaterThan(1);
  });

  it('never hold more of a kind than a request may, whatever is left behind by one task', () => {
    const held = new HeldAttempts(
      Array.from({ length: 1200 }, (_, index) => ({
        taskId: taskId(1),
        attempt: index + 1,
        phase: 'ended' as const,
        stopOrdered: false,
      })),
    );
    const context = { node: NODE, held, findTask: () => undefined };
    const counts: number[] = [];
    for (let ids: readonly string[] = [taskId(1)]; ids.length > 0; ) {
      const { orders, left } = planOrders(ids, context);
      counts.push(orders.forget.length);
      held.takeOrders(orders);
      ids = left;
    }
    expect(counts).toEqual([500, 500, 200]);
  });
});
