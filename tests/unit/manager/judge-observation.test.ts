import { describe, expect, it } from 'vitest';
import type { Ended, Observation } from '../../../src/link/protocol.ts';
import { judgeObservation } from '../../../src/manager/judge-observation.ts';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import type { ReasonCode } from '../../../src/task/reason.ts';
import type { TaskSpecInput } from '../../../src/task/task-spec.ts';
import type { TaskStatus } from '../../../src/task/task-status.ts';
import { makeTask, taskId } from '../../support/cluster.ts';

const NODE = 'n1';
const FINISHED = '2030-01-01T00:00:00.000Z';

function judge(
  status: Partial<TaskStatus>,
  seen: Partial<Observation>,
  more: {
    readonly spec?: Partial<TaskSpecInput>;
    readonly node?: string;
    readonly ranMs?: number;
    readonly time?: string;
  } = {},
) {
  const task = makeTask(more.spec, {
    status: { state: 'running', node: NODE, attempt: 2, ...status },
  });
  const observation: Observation = { taskId: taskId(1), attempt: 2, phase: 'running', ...seen };
  return judgeObservation(task, observation, {
    node: more.node ?? NODE,
    random: new SeededRandom(1),
    ranMs: more.ranMs ?? 0,
    time: more.time ?? '2030-01-01T12:00:00.000Z',
  });
}

function ended(exitCode: number | 'unknown', code: ReasonCode = 'exited'): Partial<Observation> {
  const end: Ended = {
    exitCode,
    reason: { code, message: 'It ended.' },
    finishedAt: FINISHED,
    output: 'last words',
  };
  return { phase: 'ended', ended: end };
}

describe('an observation changes nothing when it', () => {
  it.each<[string, ReturnType<typeof judge>]>([
    ['is of an older attempt', judge({}, { attempt: 1, ...ended(1) })],
    ['is of another node', judge({}, ended(1), { node: 'n2' })],
    ['comes after the attempt was given up', judge({ state: 'failed' }, ended(0))],
    ['comes after the task was completed', judge({ state: 'completed' }, ended(1))],
    ['says again that it runs', judge({}, {})],
    [
      'says that it is well again after it was given up as unhealthy',
      judge({ health: 'unhealthy' }, { health: 'healthy' }),
    ],
    [
      'says again what is being done',
      judge({ state: 'scheduled', progress: 'x' }, { phase: 'preparing', progress: 'x' }),
    ],
  ])('%s', (_, draft) => {
    expect(draft).toBeUndefined();
  });
});

describe('an observation', () => {
  it('that a scheduled task runs starts it, with what is known of the instance', () => {
    const ports = [{ container: 80, host: 8080, protocol: 'tcp' as const, address: '127.0.0.1' }];
    const draft = judge({ state: 'scheduled' }, { runtimeId: 'c1', startedAt: FINISHED, ports });
    expect(draft).toMatchObject({
      type: 'task-started',
      status: { state: 'running', runtimeId: 'c1', startedAt: FINISHED, ports, progress: null },
    });
  });

  it('of another health is news', () => {
    expect(judge({ health: 'starting' }, { health: 'healthy' })).toMatchObject({
      type: 'task-health-changed',
      status: { health: 'healthy' },
    });
    // Nobody stops what its policy never starts again.
    const spec = { restart: 'never' } as const;
    expect(judge({ health: 'unhealthy' }, { health: 'healthy' }, { spec })).toMatchObject({
      status: { health: 'healthy' },
    });
  });

  it('of what holds a running task up is news, and so is that nothing does any more', () => {
    const progress = 'paused from outside';
    expect(judge({}, { progress })).toMatchObject({
      type: 'task-progressed',
      status: { progress },
    });
    expect(judge({ progress }, { progress })).toBeUndefined();
    expect(judge({ progress }, {})).toMatchObject({ status: { progress: null } });
    expect(judge({ health: 'healthy' }, { progress, health: 'unhealthy' })).toMatchObject({
      type: 'task-health-changed',
      status: { progress, health: 'unhealthy' },
    });
    expect(judge({ state: 'scheduled' }, { progress })).toMatchObject({
      type: 'task-started',
      status: { progress },
    });
  });

  it('of an end with 0 completes the task, also when it was never seen running', () => {
    for (const state of ['scheduled', 'running'] as const) {
      expect(judge({ state }, ended(0))).toMatchObject({
        type: 'task-completed',
        status: { state: 'completed', exitCode: 0, finishedAt: FINISHED },
      });
    }
  });

  it('of an end with 0 restarts a task that is always to run', () => {
    expect(judge({}, ended(0), { spec: { restart: 'always' } })).toMatchObject({
      type: 'task-failed',
      status: { state: 'failed', exitCode: 0, restartDelayMs: 1000, recentRestartCount: 1 },
    });
  });

  it('of a failure keeps exit code and last lines, and restarts after a growing delay', () => {
    const first = judge({}, ended(3));
    expect(first).toMatchObject({
      status: { state: 'failed', exitCode: 3, output: 'last words', restartDelayMs: 1000 },
    });
    const fifth = judge({ recentRestartCount: 4 }, ended(3));
    const delayMs = fifth?.status?.restartDelayMs ?? 0;
    expect(delayMs).toBeGreaterThanOrEqual(8000);
    expect(delayMs).toBeLessThanOrEqual(16_000);
  });

  it('of a failure after a whole window of running begins the delays anew', () => {
    const draft = judge({ recentRestartCount: 9 }, ended(3), { ranMs: 600_000 });
    expect(draft).toMatchObject({ status: { restartDelayMs: 1000, recentRestartCount: 1 } });
  });

  it('of a failure ends a task that is never restarted', () => {
    const draft = judge({}, ended(3), { spec: { restart: 'never' } });
    expect(draft?.status).not.toHaveProperty('restartDelayMs');
    expect(draft).toMatchObject({ status: { state: 'failed', exitCode: 3 } });
  });

  it('of one failure too many says that restarts are exhausted', () => {
    const spec = { restart: { policy: 'on-failure', attempts: 2 } } as const;
    const draft = judge({ recentRestartCount: 2 }, ended(3), { spec });
    expect(draft).toMatchObject({
      status: {
        state: 'failed',
        reason: { code: 'restarts-exhausted', details: { last: 'exited' } },
      },
    });
  });

  it('of one unhealthy attempt too many says that it was unhealthy', () => {
    const spec = { restart: { policy: 'on-failure', attempts: 2 } } as const;
    const status = { health: 'unhealthy', recentRestartCount: 2 } as const;
    const draft = judge(status, ended(137, 'killed-after-timeout'), { spec });
    expect(draft).toMatchObject({
      status: {
        state: 'failed',
        reason: { code: 'restarts-exhausted', details: { last: 'unhealthy' } },
      },
    });
  });

  it('of a lost exit code never invents one, and counts as a failure', () => {
    expect(judge({}, ended('unknown', 'lost-on-reboot'))).toMatchObject({
      status: { state: 'failed', exitCode: 'unknown', reason: { code: 'lost-on-reboot' } },
    });
  });

  it('of the end of a stopped task completes it, whatever its exit code', () => {
    const draft = judge({ desired: 'stopped' }, ended(137, 'killed-after-timeout'));
    expect(draft).toMatchObject({
      type: 'task-completed',
      status: { state: 'completed', exitCode: 137, reason: { code: 'killed-after-timeout' } },
    });
  });

  it('of the end of an unhealthy task says that it was unhealthy, even after exit code 0', () => {
    expect(judge({ health: 'unhealthy' }, ended(0, 'stopped-by-user'))).toMatchObject({
      type: 'task-failed',
      status: { state: 'failed', reason: { code: 'unhealthy' }, restartDelayMs: 1000 },
    });
  });

  it.each([
    ['before it was placed', '1970-01-01T00:00:00.000Z'],
    ['in the future', '2100-01-01T00:00:00.000Z'],
  ])('believes no clock of a worker by which it ended %s', (_, finishedAt) => {
    const time = '2030-01-01T12:00:00.000Z';
    const scheduledAt = '2029-01-01T00:00:00.000Z';
    const { ended: end } = ended(0);
    const wrong = { ...ended(0), ended: { ...(end as Ended), finishedAt } };
    expect(judge({ scheduledAt }, wrong, { time })?.status).toMatchObject({ finishedAt: time });
    expect(judge({ scheduledAt }, ended(0), { time })?.status).toMatchObject({
      finishedAt: FINISHED,
    });
  });
});
