import { describe, expect, test } from 'vitest';
import { foldTask } from '../../../src/event/fold.ts';
import { placementDraft } from '../../../src/manager/judge-placement.ts';
import { restoredReign } from '../../../src/store/restored-reign.ts';
import { submission } from '../../support/manager-parts.ts';

const cluster = 'c';
const nowMs = Date.parse('2030-01-01T00:00:00Z');

describe('the reign of restored data', () => {
  test('is above any that managers can have begun since the backup', () => {
    const { reign, attemptFloor } = restoredReign(
      { cluster, epoch: 7 },
      { replacedEpoch: 5000, nowMs },
    );
    expect(reign).toEqual({ cluster, epoch: nowMs / 1000 });
    expect(attemptFloor).toBe(reign.epoch);
  });

  test('is above that of an earlier restore of the same backup', () => {
    const backup = { cluster, epoch: 7 };
    const first = restoredReign(backup, { replacedEpoch: 0, nowMs });
    const second = restoredReign(backup, { replacedEpoch: 0, nowMs: nowMs + 60_000 });
    // Each start of a manager adds one; in a minute it starts fewer than sixty times.
    expect(second.reign.epoch).toBeGreaterThan(first.reign.epoch + 50);
  });

  test('passes at least what is known of, where the clock is far behind', () => {
    const context = { replacedEpoch: 9, nowMs: 0 };
    const { reign, attemptFloor } = restoredReign({ cluster, epoch: 7 }, context);
    expect(reign.epoch).toBe(10);
    expect(attemptFloor).toBeGreaterThanOrEqual(1_000_000_000);
  });
});

test('the first placement after a restore leaves out numbers that may have been used', () => {
  const stamp = { revision: 1, id: 'e', time: '2030-01-01T00:00:00Z' };
  const task = foldTask(undefined, { ...stamp, ...submission(1) });
  if (task === undefined) throw new Error('The task was submitted.');
  const placement = { scheduler: 'epvm', nodeCount: 1, feasibleCount: 1, best: [], rejected: [] };
  const { attemptFloor } = restoredReign({ cluster, epoch: 1 }, { replacedEpoch: 0, nowMs });
  const context = { placement, time: stamp.time, attemptFloor };
  const first = foldTask(task, { ...stamp, revision: 2, ...placementDraft(task, 'n', context) });
  expect(first?.status).toMatchObject({ attempt: attemptFloor + 1, restartCount: 0 });
  if (first === undefined) throw new Error('The task was placed.');
  const next = placementDraft(
    { ...first, status: { ...first.status, state: 'failed' } },
    'n',
    context,
  );
  expect(next.attempt).toBe(attemptFloor + 2);
});
