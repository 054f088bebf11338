import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
import type { Tracer } from '../../../src/lib/tracer.ts';
import { noopManagerMeter } from '../../../src/manager/manager-meter.ts';
import { TaskJourneys } from '../../../src/manager/task-journeys.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { taskId } from '../../support/cluster.ts';

const id = taskId(1);

/** Keeps the spans that have ended, with what they ended with. */
function makeTracer(): { tracer: Tracer; ended: (readonly [string, string, unknown])[] } {
  const ended: (readonly [string, string, unknown])[] = [];
  const tracer: Tracer = {
    open: (name, { parent = 'none' } = {}) => ({
      traceparent: `${name} of ${parent}`,
      set: () => undefined,
      end: (error) => void ended.push([name, parent, error]),
    }),
  };
  return { tracer, ended };
}

function follow() {
  const clock = new VirtualClock();
  const measured: (readonly [string, number])[] = [];
  const { tracer, ended } = makeTracer();
  const meter = {
    ...noopManagerMeter,
    onStage: (stage: string, seconds: number) => void measured.push([stage, seconds]),
    onRunning: (seconds: number) => void measured.push(['running', seconds]),
  };
  const journeys = new TaskJourneys({ clock, meter, tracer });
  const publish = (type: CubeEvent['type'], more: Partial<CubeEvent> = {}): void => {
    const origin = { cause: 'test', correlationId: 'test', actor: 'test' };
    const event = { revision: 1, id, time: '', type, taskId: id, ...origin, ...more };
    journeys.onPublished({ event });
  };
  return { clock, journeys, publish, measured, ended };
}

describe('the journey of a task', () => {
  it('is measured stage by stage, and each is a span of the request', async () => {
    const { clock, journeys, publish, measured, ended } = follow();
    const done = journeys.begin(id, 'request');
    await clock.advance(10);
    publish('task-submitted');
    done();
    await clock.advance(20);
    publish('task-scheduled', { attempt: 1 });
    expect(journeys.traceparentOf({ taskId: id, attempt: 1 })).toBe('cube.assign of request');
    await clock.advance(30);
    journeys.onOrdersTaken([{ taskId: id, attempt: 1 }]);
    await clock.advance(40);
    publish('task-started', { attempt: 1 });
    const stages = [
      ['commit', 0.01],
      ['schedule', 0.02],
      ['order', 0.03],
      ['start', 0.04],
    ];
    expect(measured).toEqual([...stages, ['running', 0.1]]);
    expect(ended.map(([name, parent]) => [name, parent])).toEqual([
      ['cube.commit', 'request'],
      ['cube.schedule', 'request'],
      ['cube.assign', 'request'],
    ]);
  });

  it('counts an order as taken when the report of its start comes first', async () => {
    const { clock, publish, measured, journeys } = follow();
    publish('task-scheduled', { attempt: 3 });
    await clock.advance(5);
    publish('task-started', { attempt: 3 });
    journeys.onOrdersTaken([{ taskId: id, attempt: 3 }]);
    // A restart is no new task: how long it took to be accepted is not known.
    expect(measured).toEqual([
      ['order', 0.005],
      ['start', 0],
    ]);
  });

  it('ends with a submission that fails, and with a task that fails', () => {
    const { journeys, publish, measured, ended } = follow();
    const refused = new Error('The disk is full.');
    journeys.begin(id, undefined)(refused);
    expect(ended).toEqual([['cube.commit', 'none', refused]]);
    journeys.begin(id, undefined);
    publish('task-submitted');
    publish('task-failed', { reason: { code: 'not-allowed', message: 'It may not.' } });
    expect(ended.at(-1)).toEqual(['cube.schedule', 'none', 'It may not.']);
    publish('task-started');
    expect(measured.map(([stage]) => stage)).toEqual(['commit']);
  });

  it('is not begun anew by the same submission, nor told of an older attempt', () => {
    const { journeys, publish, measured } = follow();
    journeys.begin(id, 'first');
    publish('task-submitted');
    journeys.begin(id, 'second')();
    publish('task-scheduled', { attempt: 2 });
    expect(journeys.traceparentOf({ taskId: id, attempt: 1 })).toBeUndefined();
    journeys.onOrdersTaken([{ taskId: id, attempt: 1 }]);
    expect(measured.map(([stage]) => stage)).toEqual(['commit', 'schedule']);
  });
});
