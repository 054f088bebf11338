import { describe, expect, test } from 'vitest';
import { parseBootTime } from '../../../../src/runtime/docker/boot-time.ts';
import {
  moment,
  parseContainer,
  toStatus,
} from '../../../../src/runtime/docker/container-facts.ts';

const TASK = '266592cd-960d-4091-981c-8c25c44b1018';

const STARTED = '2026-03-01T10:00:00.123456789Z';
const FINISHED = '2026-03-01T10:00:05.5Z';

interface Overrides {
  readonly State?: object;
  readonly Name?: string;
  readonly Image?: string;
  readonly Mounts?: readonly object[];
  readonly HostConfig?: object;
  readonly NetworkSettings?: unknown;
}

function reply({ State, ...rest }: Overrides = {}): object {
  return {
    Id: 'abc123',
    Name: '/cube-web-266592cd-2-0123456789',
    State: {
      Status: 'exited',
      Running: false,
      Paused: false,
      OOMKilled: false,
      ExitCode: 3,
      StartedAt: STARTED,
      FinishedAt: FINISHED,
      Health: null,
      ...State,
    },
    Config: {
      Labels: {
        'cube.cluster': 'c',
        'cube.worker': 'w',
        'cube.task': TASK,
        'cube.attempt': '2',
      },
      Env: ['A=b', 'PATH=/opt/bin:/bin'],
      WorkingDir: '/srv',
    },
    HostConfig: { Memory: 0 },
    NetworkSettings: { Ports: {} },
    ...rest,
  };
}

function statusOf(overrides: Overrides = {}, bootedAt?: string) {
  const facts = parseContainer(reply(overrides), { bootedAt });
  return facts === undefined ? undefined : toStatus(facts);
}

describe('an engine’s description of a container', () => {
  test('names the image only where nothing is mounted over it', () => {
    const imageOf = (more: Overrides): string | undefined =>
      parseContainer(reply({ Image: 'sha256:1', ...more }))?.plainImageId;
    expect(imageOf({ Mounts: [] })).toBe('sha256:1');
    expect(imageOf({ Mounts: [{ Destination: '/bin' }] })).toBeUndefined();
    expect(imageOf({})).toBeUndefined();
  });

  test('becomes a status', () => {
    expect(statusOf()).toEqual({
      taskId: TASK,
      attempt: 2,
      cluster: 'c',
      phase: 'ended',
      runtimeId: 'abc123',
      startedAt: '2026-03-01T10:00:00.123Z',
      finishedAt: '2026-03-01T10:00:05.500Z',
      exitCode: 3,
      reason: { code: 'exited', message: expect.any(String), details: { exitCode: 3 } },
      ports: [],
    });
  });

  test.each([
    ['created', 'created'],
    ['running', 'running'],
    ['paused', 'running'],
    ['restarting', 'running'],
    ['removing', 'ended'],
    ['exited', 'ended'],
    ['dead', 'ended'],
  ])('in the state %s is %s', (Status, phase) => {
    const status = statusOf({ State: { Status } });
    expect(status?.phase).toBe(phase);
    expect(status?.exitCode === undefined).toBe(phase !== 'ended');
    expect(status?.finishedAt === undefined).toBe(phase !== 'ended');
  });

  test('tells of one that is paused', () => {
    expect(statusOf({ State: { Status: 'paused', Running: true, Paused: true } })).toMatchObject({
      phase: 'running',
      isPaused: true,
    });
    expect(statusOf({ State: { Status: 'running', Running: true } })).not.toHaveProperty(
      'isPaused',
    );
  });

  test('in a state that is not known is judged by the rest, or not at all', () => {
    expect(statusOf({ State: { Status: 'newer', Running: true } })?.phase).toBe('running');
    expect(statusOf({ State: { Status: 'newer' } })?.phase).toBe('ended');
    const Never = '0001-01-01T00:00:00Z';
    expect(() => statusOf({ State: { Status: 'newer', FinishedAt: Never } })).toThrow('newer');
  });

  test('never has an exit code invented', () => {
    const Never = '0001-01-01T00:00:00Z';
    expect(statusOf({ State: { ExitCode: 0, FinishedAt: Never } })?.exitCode).toBe('unknown');
    expect(statusOf({ State: { ExitCode: undefined } })?.exitCode).toBe('unknown');
    expect(statusOf({ State: { ExitCode: -1 } })?.exitCode).toBe('unknown');
    expect(statusOf({ State: { ExitCode: '0' } })?.exitCode).toBe('unknown');
    expect(statusOf({ State: { Status: 'dead', ExitCode: 0 } })?.exitCode).toBe('unknown');
    const earlier = { ExitCode: 0, FinishedAt: '2026-03-01T09:00:00Z' };
    expect(statusOf({ State: earlier })).toMatchObject({ exitCode: 'unknown' });
    expect(statusOf({ State: earlier })).not.toHaveProperty('finishedAt');
  });

  test('of one that ended before its start was noted has both at one moment', () => {
    const State = { ExitCode: 0, FinishedAt: '2026-03-01T10:00:00.1Z' };
    const moments = {
      startedAt: '2026-03-01T10:00:00.123Z',
      finishedAt: '2026-03-01T10:00:00.123Z',
    };
    expect(statusOf({ State })).toMatchObject({ exitCode: 0, ...moments });
  });

  test('with code 255 is lost only when the machine was started in between', () => {
    const State = { ExitCode: 255 };
    expect(statusOf({ State }, '2026-03-01T10:00:03.000Z')).toMatchObject({
      exitCode: 'unknown',
      reason: { code: 'lost-on-reboot' },
    });
    expect(statusOf({ State }, '2026-03-01T09:00:00.000Z')?.exitCode).toBe(255);
    expect(statusOf({ State }, '2026-03-01T11:00:00.000Z')?.exitCode).toBe(255);
    expect(statusOf({ State })?.exitCode).toBe(255);
    expect(statusOf({}, '2026-03-01T10:00:03.000Z')?.exitCode).toBe(3);
  });

  test('tells of a kill for want of memory, with the limit', () => {
    const HostConfig = { Memory: 64 * 1024 ** 2 };
    expect(
      statusOf({ State: { OOMKilled: true, ExitCode: 137 }, HostConfig })?.reason,
    ).toMatchObject({ code: 'out-of-memory', details: { limitBytes: 64 * 1024 ** 2 } });
    expect(statusOf({ State: { OOMKilled: true, ExitCode: 0 } })?.reason?.code).toBe('exited');
    expect(statusOf({ State: { OOMKilled: true, ExitCode: 8 } })?.reason?.code).toBe('exited');
  });

  test('tells of a kill after a time-out by the mark in the name', () => {
    const Name = '/cube-web-266592cd-2-0123456789-killed-SIGINT-after-1500ms';
    expect(statusOf({ Name, State: { ExitCode: 137 } })?.reason).toMatchObject({
      code: 'killed-after-timeout',
      details: { stopSignal: 'SIGINT', timeoutMs: 1500 },
    });
    expect(statusOf({ Name, State: { ExitCode: 0 } })?.reason?.code).toBe('exited');
  });

  test('has the ports that were really published', () => {
    const Ports = {
      '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
      '53/udp': [{ HostIp: '', HostPort: '5353' }],
      '90/tcp': null,
      '91/tcp': [{ HostIp: '1.2.3.4', HostPort: 'x' }],
      '7/sctp': [{ HostIp: '1.2.3.4', HostPort: '7' }],
    };
    expect(statusOf({ NetworkSettings: { Ports } })?.ports).toEqual([
      { container: 53, host: 5353, protocol: 'udp', address: '0.0.0.0' },
      { container: 80, host: 8080, protocol: 'tcp', address: '127.0.0.1' },
    ]);
    expect(statusOf({ NetworkSettings: 'odd' })?.ports).toEqual([]);
  });

  test.each([
    undefined,
    null,
    7,
    {},
    { Id: 'x', State: null, Config: {} },
    { Id: 'x', Config: {} },
  ])('that is %j tells nothing, which is no end', (odd) => {
    expect(() => parseContainer(odd)).toThrow(
      expect.objectContaining({ code: 'runtime-unavailable' }),
    );
  });

  test('without our labels is not ours', () => {
    const foreign = { ...reply(), Config: { Labels: null } };
    expect(parseContainer(foreign)).toBeUndefined();
    const half = { ...reply(), Config: { Labels: { 'cube.worker': 'w', 'cube.task': TASK } } };
    expect(parseContainer(half)).toBeUndefined();
  });
});

test('a moment is none for the year 1 and for what is no date', () => {
  expect(moment('0001-01-01T00:00:00Z')).toBeUndefined();
  expect(moment('yesterday')).toBeUndefined();
  expect(moment('2026-03-01T10:00:00.999999999Z')).toBe('2026-03-01T10:00:00.999Z');
});

test('the time of the boot is read from the kernel’s statistics', () => {
  expect(parseBootTime('cpu 1 2\nbtime 1772359200\nprocesses 5\n')).toBe(
    '2026-03-01T10:00:00.000Z',
  );
  expect(parseBootTime('cpu 1 2\n')).toBeUndefined();
});
