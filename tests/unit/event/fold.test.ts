import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
import { foldNode, foldTask } from '../../../src/event/fold.ts';
import { isTransitionAllowed, taskStates } from '../../../src/task/task-state.ts';
import type { TaskStatusPatch } from '../../../src/task/task-status.ts';
import { makeTask, taskId } from '../../support/cluster.ts';

function event(more: Partial<CubeEvent>): CubeEvent {
  return {
    revision: 2,
    id: taskId(99),
    time: '2030-01-01T00:00:00.000Z',
    type: 'task-progressed',
    taskId: taskId(1),
    cause: 'test',
    correlationId: 'test',
    actor: 'test',
    ...more,
  };
}

describe('folding events of a task', () => {
  it('begins with a spec, as pending', () => {
    const { spec } = makeTask();
    expect(foldTask(undefined, event({ type: 'task-submitted', spec, revision: 7 }))).toMatchObject(
      {
        id: taskId(1),
        createdRevision: 7,
        revision: 7,
        status: { state: 'pending', desired: 'running', attempt: 0, restartCount: 0 },
      },
    );
    expect(() => foldTask(undefined, event({}))).toThrow('carries its spec');
  });

  it('sets what a patch names and clears what it names null', () => {
    const task = makeTask({}, { status: { progress: 'pulling' } });
    const next = foldTask(task, event({ status: { progress: null, health: 'healthy' } }));
    expect(next?.status).toEqual({
      state: 'pending',
      desired: 'running',
      attempt: 0,
      restartCount: 0,
      health: 'healthy',
    });
  });

  it('removes a pruned task', () => {
    expect(foldTask(makeTask(), event({ type: 'task-pruned' }))).toBeUndefined();
  });

  it('takes exactly the steps of the table', () => {
    fc.assert(
      fc.property(fc.constantFrom(...taskStates), fc.constantFrom(...taskStates), (from, to) => {
        const task = makeTask({}, { status: { state: from, attempt: 1 } });
        const attempt = from === 'failed' && to === 'scheduled' ? 2 : 1;
        const step = () => foldTask(task, event({ status: { state: to, attempt } }));
        if (isTransitionAllowed(from, to)) expect(step()?.status.state).toBe(to);
        else expect(step).toThrow(`from ${from} to ${to}`);
      }),
    );
  });

  it.each<[string, TaskStatusPatch]>([
    ['an attempt that falls', { attempt: 1 }],
    ['an attempt that skips', { attempt: 4 }],
    ['leaving failed without a new attempt', { state: 'scheduled' }],
  ])('refuses %s', (_, status) => {
    const task = makeTask({}, { status: { state: 'failed', attempt: 2 } });
    expect(() => foldTask(task, event({ status }))).toThrow('Broken belief');
  });

  it('leaves the task it was given as it was', () => {
    const task = makeTask();
    const before = structuredClone(task);
    foldTask(task, event({ status: { state: 'scheduled', attempt: 1 } }));
    expect(task).toEqual(before);
  });
});

describe('folding events of a node', () => {
  it('begins when the node joins', () => {
    const facts = { name: 'n1', draining: false };
    expect(foldNode(undefined, event({ type: 'node-joined', node: 'n1', facts }))).toEqual({
      name: 'n1',
      draining: false,
      revision: 2,
    });
    expect(() => foldNode(undefined, event({ type: 'node-changed', node: 'n1' }))).toThrow(
      'joined',
    );
  });
});
