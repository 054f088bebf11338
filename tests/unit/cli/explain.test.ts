import { expect, test } from 'vitest';
import type { ExplanationReply } from '../../../src/link/replies.ts';
import type { Placement } from '../../../src/task/placement.ts';
import { cli } from '../../support/cli.ts';
import { startManagerStub } from '../../support/manager-stub.ts';
import { taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const short = {
  code: 'cpu-short',
  message: 'needs 2 cores, 1.4 free',
  needed: 2,
  available: 1.4,
} as const;
const full = { code: 'memory-short', message: 'needs 2 GiB, 1 GiB free' } as const;
const placement: Placement = {
  scheduler: 'epvm',
  node: 'b',
  nodeCount: 3,
  feasibleCount: 2,
  best: [
    { node: 'b', score: 0.123456789 },
    { node: 'a', score: 0.5 },
  ],
  rejected: [{ code: 'cpu-short', nodeCount: 1, nearest: { node: 'c', rejection: short } }],
};

function explanationOf(parts: Partial<ExplanationReply>): ExplanationReply {
  return { taskId: taskIdOf(1), advice: [], ...parts };
}

test('cube explain shows the choice, every score, and every reason of each other node', async () => {
  const explanation = explanationOf({
    decided: {
      revision: 8,
      time: '2026-01-02T03:05:00.000Z',
      placement,
      verdicts: [
        { node: 'a', score: 0.5, rejections: [] },
        { node: 'b', score: 0.123456789, rejections: [] },
        { node: 'c', rejections: [short, full] },
      ],
    },
  });
  const tasks = [taskReplyOf({}, { status: { state: 'running', node: 'b' } })];
  await using manager = await startManagerStub({ tasks, explanation });
  const { exitCode, stdout } = await cli(['explain', 'web', '-m', manager.url]);
  expect(stdout.split('\n')).toEqual([
    'web (00000001) is running.',
    'The scheduler epvm chose b: 2 of 3 nodes could take it (5s ago, at revision 8).',
    '  NODE     SCORE  VERDICT',
    '* b     0.123457  fits',
    '  a          0.5  fits',
    '  c            -  needs 2 cores, 1.4 free; needs 2 GiB, 1 GiB free',
    '',
  ]);
  expect(exitCode).toBe(0);
});

test('cube explain tells of a waiting task what is said now, and what to do', async () => {
  const { node: _, ...rest } = placement;
  const nowhere: Placement = { ...rest, nodeCount: 1, feasibleCount: 0, best: [] };
  const verdicts = [{ node: 'c', rejections: [short] }];
  const explanation = explanationOf({
    decided: { revision: 8, time: '2026-01-02T03:05:00.000Z', placement: nowhere },
    now: { placement: nowhere, verdicts },
    advice: ['Free 0.6 cores on c.'],
  });
  await using manager = await startManagerStub({ tasks: [taskReplyOf()], explanation });
  const { stdout } = await cli(['explain', 'web', '-m', manager.url]);
  expect(stdout.split('\n')).toEqual([
    'web (00000001) is pending.',
    'The scheduler epvm placed it nowhere: 0 of 1 node could take it (5s ago, at revision 8).',
    '  1 node: needs 2 cores, 1.4 free (nearest: c)',
    'Asked again now: The scheduler epvm placed it nowhere: 0 of 1 node could take it.',
    '  NODE  SCORE  VERDICT',
    '  c         -  needs 2 cores, 1.4 free',
    'To do: Free 0.6 cores on c.',
    '',
  ]);
});

test('cube explain does not say the same thing twice', async () => {
  const { node: _, ...rest } = placement;
  const nowhere: Placement = { ...rest, feasibleCount: 0, best: [] };
  const verdicts = [{ node: 'c', rejections: [short] }];
  const explanation = explanationOf({
    decided: { revision: 8, time: '2026-01-02T03:05:00.000Z', placement: nowhere, verdicts },
    now: { placement: nowhere, verdicts },
  });
  await using manager = await startManagerStub({ tasks: [taskReplyOf()], explanation });
  const { stdout } = await cli(['explain', 'web', '-m', manager.url]);
  expect(stdout.match(/needs 2 cores/g)).toHaveLength(1);
  expect(stdout).toContain('Asked again now, it says the same.\n');
});

test('cube explain gives programs the explanation as it is', async () => {
  const explanation = explanationOf({ advice: ['Wait.'] });
  await using manager = await startManagerStub({ tasks: [taskReplyOf()], explanation });
  const json = await cli(['explain', 'web', '--json', '-m', manager.url]);
  expect(JSON.parse(json.stdout)).toEqual(explanation);
  const text = await cli(['explain', 'web', '-m', manager.url]);
  expect(text.stdout).toContain('It has not been looked at by the scheduler yet.');
});
