import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
import { noopLogger } from '../../../src/lib/logger.ts';
import { logEvents } from '../../../src/manager/log-events.ts';
import { taskId } from '../../support/cluster.ts';

const base = { id: taskId(9), time: '', cause: 'test' };
const key = { taskId: taskId(1), attempt: 2, node: 'n1' };

function linesOf(event: CubeEvent): readonly (readonly [string, object, string])[] {
  const lines: (readonly [string, object, string])[] = [];
  const keep = (level: string) => (fields: object, message: string) => {
    lines.push([level, fields, message]);
  };
  logEvents({ ...noopLogger, debug: keep('debug'), info: keep('info') }, [event]);
  return lines;
}

describe('the log of events', () => {
  it('tells who whatever is done for was asked by', () => {
    const event: CubeEvent = {
      ...base,
      ...key,
      revision: 7,
      type: 'task-stop-requested',
      correlationId: 'request-1',
      actor: 'user',
    };
    const fields = { ...key, type: 'task-stop-requested', revision: 7, requestId: 'request-1' };
    expect(linesOf(event)).toEqual([['debug', fields, 'An event is durable.']]);
  });

  it('says in the words of its reason what nobody may miss, and names no request without one', () => {
    const event: CubeEvent = {
      ...base,
      ...key,
      revision: 8,
      type: 'task-failed',
      correlationId: 'a/2',
      actor: 'worker n1',
      reason: { code: 'exited', message: 'It exited with code 1.' },
    };
    const fields = { ...key, type: 'task-failed', revision: 8, reason: 'exited' };
    expect(linesOf(event)).toEqual([
      ['info', { ...fields, requestId: undefined }, 'It exited with code 1.'],
    ]);
  });
});
