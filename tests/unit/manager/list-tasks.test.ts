import { describe, expect, it } from 'vitest';
import { listTasks } from '../../../src/manager/list-tasks.ts';
import type { Task } from '../../../src/task/task.ts';
import { makeTask } from '../../support/cluster.ts';

function numbered(number: number): Task {
  const state = number % 2 === 0 ? 'running' : 'pending';
  const labels = { parity: number % 2 === 0 ? 'even' : 'odd' };
  const task = makeTask({ name: `task-${number}`, labels }, { number, status: { state } });
  return { ...task, createdRevision: number };
}

const names = (tasks: readonly Task[]) => tasks.map(({ spec }) => spec.name);

describe('listing tasks', () => {
  const tasks = [1, 2, 3, 4, 5, 6].map(numbered);

  it('filters by state, name and labels', () => {
    expect(names(listTasks(tasks, { limit: 10, states: ['running'] }).items)).toEqual([
      'task-2',
      'task-4',
      'task-6',
    ]);
    expect(names(listTasks(tasks, { limit: 10, name: 'task-3' }).items)).toEqual(['task-3']);
    expect(listTasks(tasks, { limit: 10, labels: { parity: 'odd' } }).items).toHaveLength(3);
  });

  it('ends a page of long tasks before its limit, and goes on from there', () => {
    const long = Array.from({ length: 30 }, (_, index) => {
      const task = numbered(index + 1);
      return { ...task, spec: { ...task.spec, args: ['x'.repeat(1024 ** 2)] } };
    });
    const first = listTasks(long, { limit: 1000 });
    expect(first.items).toHaveLength(8);
    const second = listTasks(long, { limit: 1000, cursor: first.cursor ?? '' });
    expect(names(second.items)[0]).toBe('task-9');
  });

  it('gives each task once over pages, also when some go in between', () => {
    const first = listTasks(tasks, { limit: 2 });
    const rest = tasks.filter(({ spec }) => spec.name !== 'task-2' && spec.name !== 'task-3');
    const second = listTasks(rest, { limit: 10, cursor: first.cursor ?? '' });
    expect([...names(first.items), ...names(second.items)]).toEqual([
      'task-1',
      'task-2',
      'task-4',
      'task-5',
      'task-6',
    ]);
    expect(second.cursor).toBeUndefined();
  });

  it('has no cursor when the last page is exactly full', () => {
    expect(listTasks(tasks, { limit: 6 }).cursor).toBeUndefined();
  });

  it.each(['', 'rubbish', Buffer.from('[1,"other"]').toString('base64url')])(
    'refuses the cursor "%s"',
    (cursor) => {
      expect(() => listTasks(tasks, { limit: 1, cursor })).toThrow('start again without it');
    },
  );

  it('refuses the cursor of another query', () => {
    const { cursor } = listTasks(tasks, { limit: 1, states: ['running'] });
    expect(() => listTasks(tasks, { limit: 1, cursor: cursor ?? '' })).toThrow('not valid here');
  });
});
