import { describe, expect, test } from 'vitest';
import type { Observation } from '../../../src/link/protocol.ts';
import type { InstanceStatus } from '../../../src/runtime/runtime.ts';
import type { AttemptRecord } from '../../../src/store/attempt-repository.ts';
import { nextStep } from '../../../src/worker/next-step.ts';
import { CLUSTER, key, spec } from './worker-harness.ts';

const NOW = '2030-01-01T00:00:09.000Z';
const STARTED = '2030-01-01T00:00:01.000Z';
const FINISHED = '2030-01-01T00:00:05.000Z';

const observations = {
  preparing: { ...key(1), phase: 'preparing' },
  running: { ...key(1), phase: 'running', runtimeId: 'abc', startedAt: STARTED, ports: [] },
  ended: {
    ...key(1),
    phase: 'ended',
    ended: { exitCode: 0, reason: { code: 'exited', message: 'x' }, finishedAt: FINISHED },
  },
} as const satisfies Record<string, Observation>;

const statuses = {
  missing: undefined,
  created: { ...key(1), cluster: CLUSTER, phase: 'created', runtimeId: 'abc', ports: [] },
  running: {
    ...key(1),
    cluster: CLUSTER,
    phase: 'running',
    runtimeId: 'abc',
    startedAt: STARTED,
    ports: [],
  },
  ended: {
    ...key(1),
    cluster: CLUSTER,
    phase: 'ended',
    runtimeId: 'abc',
    startedAt: STARTED,
    finishedAt: FINISHED,
    ports: [],
    exitCode: 3,
    reason: { code: 'exited', message: 'It ended with exit code 3.' },
  },
} as const satisfies Record<string, InstanceStatus | undefined>;

function record(
  desired: AttemptRecord['desired'],
  phase: keyof typeof observations,
  more: Partial<AttemptRecord> = {},
): AttemptRecord {
  return {
    ...key(1),
    cluster: CLUSTER,
    runtime: 'process',
    spec: spec(),
    desired,
    observation: observations[phase],
    sequence: 1,
    createdAt: STARTED,
    ...more,
  };
}

describe('the next step of an attempt', () => {
  test.each([
    ['running', 'preparing', 'missing', 'start'],
    ['running', 'preparing', 'created', 'start'],
    ['running', 'preparing', 'running', 'observe running'],
    ['running', 'preparing', 'ended', 'observe ended exited'],
    ['running', 'running', 'missing', 'observe ended removed-externally'],
    ['running', 'running', 'created', 'observe ended removed-externally'],
    ['running', 'running', 'running', 'nothing'],
    ['running', 'running', 'ended', 'observe ended exited'],
    ['running', 'ended', 'missing', 'nothing'],
    ['running', 'ended', 'created', 'remove'],
    ['running', 'ended', 'running', 'stop'],
    ['running', 'ended', 'ended', 'nothing'],
    ['stopped', 'preparing', 'missing', 'observe ended stopped-by-user'],
    ['stopped', 'preparing', 'created', 'remove'],
    ['stopped', 'preparing', 'running', 'stop'],
    ['stopped', 'preparing', 'ended', 'observe ended stopped-by-user'],
    ['stopped', 'running', 'missing', 'observe ended stopped-by-user'],
    ['stopped', 'running', 'created', 'remove'],
    ['stopped', 'running', 'running', 'stop'],
    ['stopped', 'running', 'ended', 'observe ended stopped-by-user'],
    ['stopped', 'ended', 'missing', 'nothing'],
    ['stopped', 'ended', 'created', 'remove'],
    ['stopped', 'ended', 'running', 'stop'],
    ['stopped', 'ended', 'ended', 'nothing'],
    ['forgotten', 'preparing', 'missing', 'forget'],
    ['forgotten', 'running', 'missing', 'forget'],
    ['forgotten', 'ended', 'missing', 'forget'],
    ['forgotten', 'preparing', 'created', 'remove'],
    ['forgotten', 'running', 'running', 'stop'],
    ['forgotten', 'ended', 'running', 'stop'],
    ['forgotten', 'running', 'ended', 'remove'],
    ['forgotten', 'ended', 'ended', 'remove'],
  ] as const)('%s, seen %s, and the runtime shows it %s: %s', (desired, phase, status, wanted) => {
    const step = nextStep(record(desired, phase), statuses[status], NOW);
    const words =
      step.type === 'observe'
        ? ['observe', step.observation.phase, step.observation.ended?.reason.code]
        : [step.type];
    expect(words.filter((word) => word !== undefined).join(' ')).toBe(wanted);
  });

  test.each([
    ['missing', 'nothing'],
    ['ended', 'remove'],
    ['created', 'remove'],
    ['running', 'stop'],
  ] as const)('of a forgotten attempt that comes back %s is: %s', (status, wanted) => {
    const gone = record('forgotten', 'ended', { gone: true });
    expect(nextStep(gone, statuses[status], NOW).type).toBe(wanted);
  });

  test('observes a running instance whose ports or id have changed', () => {
    const ports = [{ container: 80, host: 8080, protocol: 'tcp', address: '127.0.0.1' }] as const;
    const step = nextStep(record('running', 'running'), { ...statuses.running, ports }, NOW);
    expect(step).toMatchObject({ type: 'observe', observation: { ports, runtimeId: 'abc' } });
  });

  test('says of an instance that it is paused, and no more once it goes on', () => {
    const paused = nextStep(
      record('running', 'running'),
      { ...statuses.running, isPaused: true },
      NOW,
    );
    if (paused.type !== 'observe') throw new Error(`It is ${paused.type}.`);
    expect(paused.observation.progress).toBe('paused from outside');
    const known = record('running', 'running', { observation: paused.observation });
    expect(nextStep(known, { ...statuses.running, isPaused: true }, NOW).type).toBe('nothing');
    const observation = observations.running;
    expect(nextStep(known, statuses.running, NOW)).toEqual({ type: 'observe', observation });
  });

  test('begins the health of a task with a check as starting, and keeps what is known', () => {
    const checked = spec({ ports: [{ container: 80 }], health: { tcp: { port: 80 } } });
    const first = nextStep(
      record('running', 'preparing', { spec: checked }),
      statuses.running,
      NOW,
    );
    expect(first).toMatchObject({ observation: { health: 'starting' } });
    const known = { ...observations.running, health: 'healthy', progress: 'words' } as const;
    const again = nextStep(
      record('running', 'running', { spec: checked, observation: known }),
      statuses.running,
      NOW,
    );
    expect(again).toEqual({ type: 'nothing' });
  });
});

describe('the end of an attempt', () => {
  function endOf(seen: AttemptRecord, status: InstanceStatus | undefined) {
    const step = nextStep(seen, status, NOW);
    return step.type === 'observe' ? step.observation.ended : undefined;
  }

  test('has the exit code, the time and the reason of the runtime', () => {
    expect(endOf(record('running', 'running'), statuses.ended)).toEqual({
      exitCode: 3,
      reason: { code: 'exited', message: 'It ended with exit code 3.' },
      finishedAt: FINISHED,
    });
  });

  test.each([
    [143, 'SIGTERM'],
    [137, 'SIGKILL'],
    [130, 'SIGINT'],
  ])('with code %i, which nobody here caused, was a %s from outside', (exitCode, signal) => {
    const ended = endOf(record('running', 'running'), { ...statuses.ended, exitCode });
    expect(ended?.reason.code).toBe('stopped-externally');
    expect(ended?.reason.message).toContain(signal);
    expect(ended?.exitCode).toBe(exitCode);
  });

  test('for want of memory stays that, whoever wanted it stopped', () => {
    const reason = { code: 'out-of-memory', message: 'It needed more.' } as const;
    const status = { ...statuses.ended, exitCode: 137, reason };
    expect(endOf(record('running', 'running'), status)?.reason).toEqual(reason);
    expect(endOf(record('stopped', 'running'), status)?.reason).toEqual(reason);
  });

  test('says that the time to stop was over', () => {
    const reason = { code: 'killed-after-timeout', message: 'Killed after 10 s.' } as const;
    const status = { ...statuses.ended, exitCode: 137, reason };
    expect(endOf(record('stopped', 'running'), status)?.reason).toEqual(reason);
  });

  test('has no exit code when it never ran, and an unknown one when it was lost', () => {
    expect(endOf(record('stopped', 'preparing'), undefined)).not.toHaveProperty('exitCode');
    expect(endOf(record('stopped', 'running'), undefined)?.exitCode).toBe('unknown');
    expect(endOf(record('running', 'running'), undefined)).toMatchObject({
      exitCode: 'unknown',
      finishedAt: NOW,
    });
    const { exitCode: _lost, ...codeless } = statuses.ended;
    expect(endOf(record('running', 'running'), codeless)?.exitCode).toBe('unknown');
  });

  test('keeps the reason of a reboot', () => {
    const reason = { code: 'lost-on-reboot', message: 'The machine was restarted.' } as const;
    const status = { ...statuses.ended, exitCode: 'unknown', reason } as const;
    expect(endOf(record('running', 'running'), status)).toMatchObject({
      exitCode: 'unknown',
      reason,
    });
  });
});
