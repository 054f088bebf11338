import { describe, expect, it } from 'vitest';
import {
  cubeSide,
  cubesPerColumn,
  largestPlaced,
  largestSide,
  toColumns,
} from '../../../src/dashboard/model/node-columns.ts';
import { toTaskRow } from '../../../src/dashboard/model/task-row.ts';
import { nodeReplyOf, taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

type Status = NonNullable<Parameters<typeof taskReplyOf>[1]>['status'];

const rows = (
  [
    ['runs', { state: 'running', node: 'worker-1' }],
    ['failed', { state: 'failed', node: 'worker-1' }],
    ['done', { state: 'completed', node: 'worker-1' }],
    ['waits', {}],
    ['gone-node', { state: 'running', node: 'gone' }],
    ['never-ran', { state: 'failed' }],
    ['stopped', { state: 'completed' }],
  ] satisfies [string, Status][]
).map(([name, status], index) =>
  toTaskRow(taskReplyOf({ name, memory: '64MiB' }, { id: taskIdOf(index + 1), status })),
);

const namesOf = (withCompleted: boolean): Record<string, string> => {
  const { waiting, columns } = toColumns([nodeReplyOf()], rows, { withCompleted });
  return Object.fromEntries(
    [waiting, ...columns].map((column) => [
      column.name,
      column.tasks.map(({ name }) => name).join(' '),
    ]),
  );
};

describe('the columns of nodes', () => {
  it('have each task in one place, with what needs looking at first', () => {
    expect(namesOf(false)).toEqual({
      'worker-1': 'failed runs',
      'Not on a node': 'never-ran waits gone-node',
    });
  });

  it('have what has completed where it is asked for', () => {
    expect(namesOf(true)).toEqual({
      'worker-1': 'failed runs done',
      'Not on a node': 'never-ran waits gone-node stopped',
    });
  });

  it('draw a bounded number of cubes however many nodes there are', () => {
    for (const count of [0, 1, 3, 50, 300]) {
      expect(cubesPerColumn(count) * count).toBeLessThanOrEqual(3000);
      expect(cubesPerColumn(count)).toBeGreaterThanOrEqual(8);
    }
  });

  it('draw cubes by their memory, each large enough to be hit', () => {
    expect(
      [0, 64, 256, 1024, 9999].map((memory) => cubeSide(memory, { memory: 1024, side: 64 })),
    ).toEqual([24, 34, 44, 64, 64]);
    expect(cubeSide(5, { memory: 0, side: 64 })).toBe(24);
    expect([10, 200, 5000].map(largestSide)).toEqual([64, 48, 36]);
    expect(largestPlaced(rows)).toBe(64 * 1024 ** 2);
  });
});
