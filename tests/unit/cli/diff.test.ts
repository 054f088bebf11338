import { describe, expect, test } from 'vitest';
import { describeDifference } from '../../../src/cli/commands/diff.ts';
import { nodeReplyOf, taskReplyOf } from '../../support/task-replies.ts';

const nothing = { from: 1, to: 9, tasks: [], nodes: [], changedTaskCount: 0 };

describe('the difference of two moments', () => {
  test('tells what came, what went, and what changed from what to what', () => {
    const task = taskReplyOf();
    const failed = {
      ...task,
      status: { ...task.status, state: 'failed', exitCode: 3, attempt: 2 },
    } as const;
    const node = nodeReplyOf();
    const tasks = [{ to: task }, { from: task }, { from: task, to: failed }];
    const nodes = [{ from: node, to: { ...node, liveness: 'down' as const } }];
    const lines = describeDifference({ ...nothing, tasks, nodes, changedTaskCount: 3 });
    expect(lines.map((line) => line.slice(0, 15))).toEqual([
      '+ task web 0000',
      '- task web 0000',
      '~ task web 0000',
      '~ node worker-1',
    ]);
    expect(lines[2]).toContain(`state ${task.status.state} -> failed`);
    expect(lines[2]).toContain('exit code 3');
    expect(lines[3]).toBe('~ node worker-1  state up -> down');
  });

  test('tells why a task waits as such, and not as its end', () => {
    const reason = { code: 'no-node-fits', message: 'None of 2 nodes can take it.' } as const;
    const waiting = taskReplyOf({}, { status: { reason } });
    const [line] = describeDifference({
      ...nothing,
      tasks: [{ to: waiting }],
      changedTaskCount: 1,
    });
    expect(line).toContain('state pending, waiting None of 2 nodes can take it.');
  });

  test('leaves out what differs in nothing that people look at, and says how many are not shown', () => {
    const task = taskReplyOf();
    const later = { ...task, revision: task.revision + 1 };
    const changed = describeDifference({
      ...nothing,
      tasks: [{ from: task, to: later }],
      changedTaskCount: 5,
    });
    expect(changed).toEqual(['… and 4 tasks more']);
  });
});
