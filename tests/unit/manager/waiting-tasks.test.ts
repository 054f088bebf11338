import { describe, expect, it } from 'vitest';
import { AttemptTimes } from '../../../src/manager/attempt-times.ts';
import { ClusterState } from '../../../src/manager/cluster-state.ts';
import { FULL_LOOK_MS, WaitingTasks } from '../../../src/manager/waiting-tasks.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import type { Task } from '../../../src/task/task.ts';
import { makeTask, placedOn, taskId } from '../../support/cluster.ts';

function setUp(tasks: readonly Task[]) {
  const clock = new VirtualClock();
  const state = new ClusterState();
  state.restore({ revision: 1, floor: 0, tasks, nodes: [], prunedIds: [] });
  const times = new AttemptTimes(clock);
  for (const task of tasks) times.note(task);
  const waiting = new WaitingTasks({ state, times, clock });
  const look = (): readonly string[] => waiting.look().map(({ id }) => id);
  return { clock, waiting, look };
}

describe('waiting tasks', () => {
  it('are looked at by priority, then the oldest first, until something comes of it', () => {
    const [old, young, urgent] = [
      { ...makeTask({}, { number: 1 }), createdRevision: 1 },
      { ...makeTask({}, { number: 2 }), createdRevision: 2 },
      { ...makeTask({ priority: 90 }, { number: 3 }), createdRevision: 3 },
    ];
    const { waiting, look } = setUp([young, urgent, old]);
    expect(look()).toEqual([urgent.id, old.id, young.id]);
    waiting.note(placedOn(urgent, 'n1'));
    expect(look()).toEqual([old.id, young.id]);
  });

  it('that were refused are left alone until there is an opportunity that they have not had', async () => {
    const { clock, waiting, look } = setUp([makeTask()]);
    const { opportunity } = waiting;
    expect(look()).toEqual([taskId(1)]);
    waiting.noteRefused(taskId(1), opportunity);
    expect(look()).toEqual([]);
    await clock.advance(FULL_LOOK_MS);
    expect(look()).toEqual([]);
    waiting.noteOpportunity();
    expect(look()).toEqual([taskId(1)]);
  });

  it('are looked at again when the opportunity came while they were being refused', () => {
    const { waiting, look } = setUp([makeTask()]);
    const { opportunity } = waiting;
    look();
    waiting.noteOpportunity();
    waiting.noteRefused(taskId(1), opportunity);
    expect(look()).toEqual([taskId(1)]);
  });

  it('whose restart is delayed are looked at when it is due', async () => {
    const status = { state: 'failed', attempt: 1, restartDelayMs: 5000 } as const;
    const { clock, waiting, look } = setUp([makeTask({}, { status })]);
    expect(look()).toEqual([]);
    expect(waiting.nextDueMs).toBe(5000);
    await clock.advance(4999);
    expect(look()).toEqual([]);
    await clock.advance(1);
    expect(look()).toEqual([taskId(1)]);
    expect(waiting.nextDueMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('that nobody has told of are found after a while', async () => {
    const { clock, waiting, look } = setUp([makeTask()]);
    look();
    waiting.forget(taskId(1));
    expect(look()).toEqual([]);
    await clock.advance(FULL_LOOK_MS);
    expect(look()).toEqual([taskId(1)]);
  });
});
