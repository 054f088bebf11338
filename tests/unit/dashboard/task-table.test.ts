import { describe, expect, it } from 'vitest';
import { type TaskRow, toTaskRow } from '../../../src/dashboard/model/task-row.ts';
import { TaskTable } from '../../../src/dashboard/model/task-table.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { eventReplyOf, taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const rowAt = (revision: number, more: Parameters<typeof taskReplyOf>[1] = {}): TaskRow =>
  toTaskRow({ ...taskReplyOf({}, more), revision });

const started = (revision: number, taskId = taskIdOf(1)) =>
  eventReplyOf({
    revision,
    taskId,
    type: 'task-started',
    status: { state: 'running', node: 'worker-1' },
  });

describe('the table of tasks', () => {
  it('follows the events, and takes none twice', () => {
    const table = new TaskTable(new VirtualClock());
    table.add([rowAt(7)]);
    table.apply(started(9));
    table.apply(eventReplyOf({ revision: 8, status: { state: 'scheduled' } }));
    expect(table.get(taskIdOf(1))?.status).toMatchObject({ state: 'running', node: 'worker-1' });
  });

  it('begins a task with its first event, which has its specification', () => {
    const table = new TaskTable(new VirtualClock());
    const { spec } = taskReplyOf({ name: 'api', memory: '1GiB' });
    table.apply(eventReplyOf({ type: 'task-submitted', spec, revision: 12 }));
    expect(table.get(taskIdOf(1))).toMatchObject({
      name: 'api',
      memory: 1024 ** 3,
      createdRevision: 12,
      status: { state: 'pending' },
    });
  });

  it('keeps what it was told of a task whose page came later, and was older', () => {
    const table = new TaskTable(new VirtualClock());
    table.apply(started(9));
    table.add([rowAt(7)]);
    expect(table.get(taskIdOf(1))?.status.state).toBe('running');
  });

  it('does not bring back by a late page what was pruned meanwhile', () => {
    const table = new TaskTable(new VirtualClock());
    table.add([rowAt(7)]);
    table.apply(eventReplyOf({ type: 'task-pruned', revision: 9 }));
    table.add([rowAt(7)]);
    expect(table.size).toBe(0);
  });

  it('drops a task that is pruned once all pages are there', () => {
    const table = new TaskTable(new VirtualClock());
    table.add([rowAt(7)]);
    table.settle();
    table.apply(started(8, taskIdOf(5)));
    table.apply(eventReplyOf({ type: 'task-pruned', revision: 9 }));
    expect(table.size).toBe(0);
  });

  it('tells of many changes at once', async () => {
    const clock = new VirtualClock();
    const table = new TaskTable(clock);
    let told = 0;
    const stop = table.rows.subscribe(() => {
      told += 1;
    });
    table.add([rowAt(7)]);
    await clock.advance(10);
    expect(told).toBe(2);
    for (let revision = 8; revision < 100; revision += 1) table.apply(started(revision));
    await clock.advance(1000);
    expect(told).toBe(3);
    stop();
  });

  it('keeps no output of a failed attempt, which lists do not show', () => {
    const row = rowAt(7, { status: { state: 'failed', output: 'x'.repeat(10_000) } });
    expect(JSON.stringify(row).length).toBeLessThan(1000);
  });
});
