import { describe, expect, it } from 'vitest';
import { parseSelection, selectTasks } from '../../../src/dashboard/model/select-tasks.ts';
import { toTaskRow } from '../../../src/dashboard/model/task-row.ts';
import { taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const reason = { code: 'no-node-fits', message: 'None has 100 TiB.' } as const;

const rows = [
  taskReplyOf({ name: 'web', memory: '1GiB', labels: { tier: 'Front' } }),
  taskReplyOf(
    { name: 'Api', memory: '2GiB' },
    { id: taskIdOf(2), status: { state: 'running', node: 'worker-1', restartCount: 3 } },
  ),
  taskReplyOf({ name: 'huge' }, { id: taskIdOf(3), status: { reason } }),
  taskReplyOf({ name: 'done' }, { id: taskIdOf(4), status: { state: 'completed' } }),
].map((task, index) => ({ ...toTaskRow(task), createdRevision: index + 1 }));

const namesFor = (query: string): string =>
  selectTasks(rows, parseSelection(new URLSearchParams(query)))
    .map(({ name }) => name)
    .join(' ');

describe('the list of tasks', () => {
  it.each([
    ['', 'done huge Api web'],
    ['state=running,completed', 'done Api'],
    ['node=worker-1', 'Api'],
    ['q=tier=front', 'web'],
    ['q=API', 'Api'],
    ['q=sleep WORKER', 'Api'],
    ['q=100 tib', 'huge'],
    [`q=${taskIdOf(4).slice(0, 8)}`, 'done'],
    ['q=nothing', ''],
    ['sort=name', 'Api done huge web'],
    ['sort=-name', 'web huge done Api'],
    ['sort=-memory', 'Api web done huge'],
    ['sort=state', 'huge web Api done'],
    ['sort=-restarts', 'Api done huge web'],
    ['sort=node', 'done huge web Api'],
    ['sort=bogus&state=bogus', 'done huge Api web'],
  ])('for "%s" is: %s', (query, names) => {
    expect(namesFor(query)).toBe(names);
  });
});
