import { describe, expect, test } from 'vitest';
import { formatAge, formatSpan } from '../../../src/cli/age.ts';
import { describeNodeState } from '../../../src/cli/commands/node.ts';
import { describeState, formatPort } from '../../../src/cli/describe-task.ts';
import { nodeReplyOf, taskReplyOf } from '../../support/task-replies.ts';

const now = Date.parse('2026-01-02T03:05:05.000Z');

test('spans are told in the unit that tells most', () => {
  expect(
    [0, 400, 5000, 119_400, 120_000, 7_100_000, 7_200_000, 2 * 86_400_000].map(formatSpan),
  ).toEqual(['0s', '0s', '5s', '119s', '2m', '118m', '2h', '2d']);
  // A clock that is a little behind shows no negative age.
  expect(formatAge('2026-01-02T03:05:06.000Z', now)).toBe('0s');
});

describe('the state of a task', () => {
  test.each([
    [{ state: 'pending' }, 'pending'],
    [{ state: 'pending', reason: { code: 'no-nodes', message: 'No node.' } }, 'pending: No node'],
    [{ state: 'scheduled', progress: 'pulling nginx, 43 %' }, 'scheduled: pulling nginx, 43 %'],
    [{ state: 'running' }, 'running'],
    [{ state: 'running', health: 'unhealthy' }, 'running (unhealthy)'],
    [{ state: 'running', progress: 'paused from outside' }, 'running: paused from outside'],
    [{ state: 'running', desired: 'stopped' }, 'running: stopping'],
    [
      { state: 'running', desired: 'stopped', progress: 'stuck: It hangs in the kernel.' },
      'running: stopping (stuck: It hangs in the kernel)',
    ],
    [{ state: 'scheduled', desired: 'stopped', progress: 'pulling' }, 'scheduled: stopping'],
    [{ state: 'completed', exitCode: 0, reason: { code: 'exited', message: 'E.' } }, 'completed'],
    [
      { state: 'completed', reason: { code: 'stopped-by-user', message: 'S.' } },
      'completed: stopped',
    ],
    [
      { state: 'failed', exitCode: 3, reason: { code: 'exited', message: 'E.' } },
      'failed: exit code 3',
    ],
    [
      { state: 'failed', exitCode: 'unknown', reason: { code: 'lost', message: 'It is lost.' } },
      'failed: It is lost',
    ],
    [
      {
        state: 'failed',
        reason: { code: 'image-missing', message: 'No image.' },
        finishedAt: '2026-01-02T03:05:00.000Z',
        restartDelayMs: 65_000,
      },
      'failed: No image, restart in 60s',
    ],
    [
      { state: 'failed', finishedAt: '2026-01-02T03:05:00.000Z', restartDelayMs: 5000 },
      'failed: restarts now',
    ],
  ] as const)('%j reads %s', (status, words) => {
    expect(describeState(taskReplyOf({}, { status }), now)).toBe(words);
  });

  test('is unknown, and since when, while its node is silent', () => {
    const task = taskReplyOf(
      {},
      { observedAt: '2026-01-02T03:00:05.000Z', status: { state: 'running' } },
    );
    expect(describeState(task, now)).toBe('unknown since 5m');
  });
});

test('the state of a node has its age and its reason', () => {
  expect(describeNodeState(nodeReplyOf(), now)).toBe('up');
  expect(describeNodeState(nodeReplyOf({ draining: true }), now)).toBe('draining');
  expect(describeNodeState(nodeReplyOf({ flapping: true }), now)).toBe('up (flapping)');
  const silent = nodeReplyOf({ liveness: 'unreachable', livenessReason: 'the stream broke off' });
  expect(describeNodeState(silent, now)).toBe('unreachable since 60s: the stream broke off');
});

test('ports are told with brackets around addresses that have colons', () => {
  const port = { container: 80, host: 8080, protocol: 'tcp', address: '::1' } as const;
  expect(formatPort(port)).toBe('[::1]:8080->80/tcp');
});
