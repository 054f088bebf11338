import { expect, test } from 'vitest';
import { createColors } from '../../../src/cli/colors.ts';
import { widthOf } from '../../../src/cli/plain-text.ts';
import { bar, formatSize, layOutTop, type TopView, topRows } from '../../../src/cli/top-screen.ts';
import type { TaskReply } from '../../../src/link/replies.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { cliIo } from '../../support/cli.ts';
import { GIB, makeNode } from '../../support/cluster.ts';

const colors = createColors(cliIo().stdout, {});

function task(name: string, status: Partial<TaskReply['status']> = {}): TaskReply {
  return {
    id: `${name.padStart(8, '0')}-0000-4000-8000-000000000000`,
    spec: taskSpecSchema.parse({ name, image: 'nginx' }),
    status: {
      state: 'running',
      desired: 'running',
      attempt: 1,
      restartCount: 0,
      node: 'worker-1',
      ...status,
    },
    createdAt: '2030-01-01T00:00:00.000Z',
    createdRevision: 1,
    revision: 1,
  };
}

function view(count: number): TopView {
  const tasks = Array.from({ length: count }, (_, index) =>
    task(`job-${index}`, { restartCount: index }),
  );
  const stats = {
    used: { cpu: 1, memory: 4 * GIB, disk: 0 },
    load: 1,
    taskCount: count,
    time: '2030-01-01T00:00:00.000Z',
  };
  const node = {
    ...makeNode('worker-1'),
    committed: { cpu: 0, memory: 0, disk: 0 },
    taskCount: count,
    stats,
  };
  return {
    nodes: [node, { ...node, name: 'worker-2', liveness: 'down' }],
    tasks,
    usage: {
      items: tasks.slice(1).map(({ id }, index) => ({
        taskId: id,
        attempt: 1,
        node: 'worker-1',
        cpu: index / 2,
        memory: (count - index) * 1024,
      })),
      silent: ['worker-2'],
    },
    now: Date.parse('2030-01-01T00:01:00.000Z'),
  };
}

test.each([
  [80, 24],
  [40, 10],
  [200, 60],
])('fits on a terminal of %i by %i', (columns, rows) => {
  const layout = { order: 'cpu', colors, offset: 0, size: { columns, rows } } as const;
  const lines = layOutTop(view(100), layout);
  expect(lines).toHaveLength(rows);
  expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns);
});

test('shows use as bars and numbers, and who does not tell', () => {
  const layout = { order: 'cpu', colors, offset: 0, size: { columns: 100, rows: 24 } } as const;
  const text = layOutTop(view(3), layout).join('\n');
  expect(text).toContain('no word from worker-2');
  expect(text).toMatch(
    /worker-1 +up +\[\|\|\| {9}\] +1\.0\/4 +\[\|\|\| {9}\] +4\.0 GiB\/16\.0 GiB +3/,
  );
  expect(text).toMatch(/job-2 +50% +2\.0 KiB +worker-1 +2 +running/);
  expect(text).toMatch(/job-0 +- +- +worker-1/);
  expect(text).toMatch(/q quit/);
});

test('sorts by each column, and by name among equals', () => {
  const names = (order: Parameters<typeof topRows>[1]) =>
    topRows(view(3), order).map((row) => row.task.spec.name);
  expect(names('cpu')).toEqual(['job-2', 'job-1', 'job-0']);
  expect(names('memory')).toEqual(['job-1', 'job-2', 'job-0']);
  expect(names('name')).toEqual(['job-0', 'job-1', 'job-2']);
  expect(names('node')).toEqual(['job-0', 'job-1', 'job-2']);
  expect(names('state')).toEqual(['job-0', 'job-1', 'job-2']);
  expect(names('restarts')).toEqual(['job-2', 'job-1', 'job-0']);
});

test('scrolls no further than the last task, and tells of a problem in place of the keys', () => {
  const layout = {
    order: 'name',
    colors,
    offset: 1000,
    size: { columns: 80, rows: 24 },
    problem: 'The manager is away.',
  } as const;
  const lines = layOutTop(view(100), layout);
  expect(lines.at(-2)).toContain('job-99');
  expect(lines.at(-1)).toBe('The manager is away.');
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KiB'],
  [150 * 1024 ** 2, '150 MiB'],
  [1.5 * GIB, '1.5 GiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test('a bar is never fuller than full, and empty where nothing is known', () => {
  expect(bar(8, 4)).toBe(`[${'|'.repeat(12)}]`);
  expect(bar(undefined, 4)).toBe(`[${' '.repeat(12)}]`);
  expect(bar(1, 0)).toBe(`[${' '.repeat(12)}]`);
});
