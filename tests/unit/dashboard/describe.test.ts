import { describe, expect, it } from 'vitest';
import { attemptsOf } from '../../../src/dashboard/model/attempts.ts';
import { describeEvent } from '../../../src/dashboard/model/describe-event.ts';
import {
  describeHealthCheck,
  describeRequest,
  describeRestart,
} from '../../../src/dashboard/model/describe-spec.ts';
import { formatRecent } from '../../../src/dashboard/model/format-time.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { eventReplyOf } from '../../support/task-replies.ts';

const exited = { code: 'exited', message: 'It ended with exit code 3.' } as const;

describe('an event in words', () => {
  it.each([
    [{ type: 'task-scheduled', node: 'n', attempt: 2 }, 'Placed on n, attempt 2.'],
    [{ type: 'task-started', node: 'n' }, 'Runs on n.'],
    [{ type: 'task-completed', status: { exitCode: 0 } }, 'Completed with exit code 0.'],
    [
      { type: 'task-failed', reason: exited, status: { exitCode: 3, restartDelayMs: 1500 } },
      'Failed with exit code 3: It ended with exit code 3. Starts again after 1.5 s.',
    ],
    [{ type: 'task-waiting', reason: exited }, exited.message],
    [{ type: 'node-went-down' }, 'Is down.'],
    [{ type: 'manager-started', epoch: 4 }, 'The manager began reign 4.'],
    [{ type: 'node-changed', facts: { labels: {}, address: '' } }, 'Changed: labels, address.'],
  ] as const)('%j is "%s"', (event, words) => {
    expect(describeEvent(eventReplyOf(event))).toBe(words);
  });

  it('says at least the reason of a type that it has no words for', () => {
    const event = { ...eventReplyOf({ reason: exited }), type: 'of-a-newer-version' as never };
    expect(describeEvent(event)).toBe(exited.message);
  });
});

const endedAt = '2026-02-03T04:05:06.000Z';

describe('the attempts of a task', () => {
  it('are told by its events, the newest first', () => {
    const events = [
      eventReplyOf({ type: 'task-submitted', revision: 1 }),
      eventReplyOf({ type: 'task-scheduled', revision: 2, attempt: 1, node: 'a' }),
      eventReplyOf({ type: 'task-started', revision: 3, attempt: 1 }),
      eventReplyOf({
        type: 'task-failed',
        revision: 4,
        attempt: 1,
        after: 'failed',
        reason: exited,
        status: { exitCode: 3, finishedAt: endedAt },
      }),
      eventReplyOf({ type: 'task-scheduled', revision: 5, attempt: 2, node: 'b' }),
      eventReplyOf({ revision: 6, attempt: 2, after: 'pending', status: { finishedAt: endedAt } }),
      eventReplyOf({ type: 'task-scheduled', revision: 7, attempt: 3, node: 'b' }),
      eventReplyOf({ type: 'task-started', revision: 8, attempt: 3 }),
    ];
    expect(attemptsOf(events)).toMatchObject([
      { number: 3, node: 'b', startedAt: events[0]?.time },
      { number: 2, node: 'b', outcome: 'replaced', endedAt },
      { number: 1, node: 'a', outcome: 'failed', exitCode: 3, reason: exited.message },
    ]);
    expect(attemptsOf([])).toEqual([]);
  });
});

describe('a specification in words', () => {
  it('says what is asked for', () => {
    const spec = taskSpecSchema.parse({
      name: 'web',
      command: 'sleep',
      cpu: 0.5,
      memory: '1GiB',
      ports: [{ container: 80 }],
      restart: { policy: 'always', attempts: 5 },
      health: { http: { port: 80, path: '/up' } },
    });
    expect(describeRequest(spec)).toBe('0.5 cores, 1 GiB memory');
    expect(describeRestart(spec.restart)).toBe(
      'always, after 1s to 5m, at most 5 times within 10m',
    );
    expect(describeRestart({ ...spec.restart, policy: 'never' })).toBe('never');
    expect(spec.health && describeHealthCheck(spec.health)).toBe(
      'GET port 80/up, every 10s, within 3s; unhealthy after 3 failures',
    );
  });
});

describe('a recent time', () => {
  it('has its day only where that is not today', () => {
    const now = new Date(2030, 0, 2, 12).getTime();
    const [today, before] = [new Date(2030, 0, 2, 3, 4, 5), new Date(2029, 0, 2, 3, 4, 5)];
    expect(formatRecent(today.toISOString(), now)).not.toMatch(/20(29|30)/);
    expect(formatRecent(before.toISOString(), now)).toMatch(/2029/);
  });
});
