import { describe, expect, test } from 'vitest';
import type { TaskSpec, TaskSpecInput } from '../../../src/task/task-spec.ts';
import { targetOf } from '../../../src/worker/health/health-watch.ts';
import type { ProbeResult, Prober, ProbeTarget } from '../../../src/worker/health/prober.ts';
import type { Worker } from '../../../src/worker/worker.ts';
import { key, orders, spec, taskId, WORKER, WorkerHarness } from './worker-harness.ts';

/** Answers as told, and remembers what it was asked. */
class ScriptedProber implements Prober {
  result: ProbeResult | 'hangs' = { healthy: true, detail: 'HTTP 200' };
  readonly asked: string[] = [];
  openCount = 0;
  mostOpenCount = 0;

  http(target: ProbeTarget, path: string, signal: AbortSignal): Promise<ProbeResult> {
    return this.#answer(`http ${target.host}:${target.port}${path}`, signal);
  }

  tcp(target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
    return this.#answer(`tcp ${target.host}:${target.port}`, signal);
  }

  async #answer(asked: string, signal: AbortSignal): Promise<ProbeResult> {
    this.asked.push(asked);
    const { result } = this;
    if (result !== 'hangs') return result;
    this.openCount += 1;
    this.mostOpenCount = Math.max(this.mostOpenCount, this.openCount);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    this.openCount -= 1;
    return { healthy: false, detail: 'cut off' };
  }
}

const FAILING: ProbeResult = { healthy: false, detail: 'HTTP 500' };

function checked(health: TaskSpecInput['health'], more: Partial<TaskSpecInput> = {}): TaskSpec {
  return spec({ ports: [{ container: 8080 }], health, ...more });
}

const http = { http: { port: 8080, path: '/health' }, interval: '10s', timeout: '3s' } as const;

async function withTask(
  task: TaskSpec,
  prober = new ScriptedProber(),
  harness = new WorkerHarness(),
) {
  const worker = await harness.boot({ prober });
  await worker.assign(orders({ run: [{ ...key(1), spec: task }] }));
  await harness.settle();
  return { harness, worker, prober };
}

const healthOf = (worker: Worker) => worker.list().observations[0]?.health;

describe('health checks', () => {
  test('begin with the task, and a first success makes it healthy', async () => {
    const { worker, prober } = await withTask(checked(http));
    expect(prober.asked).toEqual(['http 127.0.0.1:8080/health']);
    expect(healthOf(worker)).toBe('healthy');
  });

  test('make a task unhealthy after so many failures in a row, and say what they found', async () => {
    const { harness, worker, prober } = await withTask(checked(http));
    prober.result = FAILING;
    await harness.advance(20_000);
    expect(healthOf(worker)).toBe('healthy');
    await harness.advance(10_000);
    expect(worker.list().observations).toMatchObject([
      {
        health: 'unhealthy',
        progress: 'Its health check failed 3 times in a row: HTTP 500.',
      },
    ]);
    expect(harness.running()).toEqual(['1/1']);
    prober.result = { healthy: true, detail: 'HTTP 204' };
    await harness.advance(10_000);
    expect(healthOf(worker)).toBe('healthy');
    expect(worker.list().observations[0]).not.toHaveProperty('progress');
  });

  test('leave a task time to start', async () => {
    const prober = new ScriptedProber();
    prober.result = FAILING;
    const { harness, worker } = await withTask(checked({ ...http, startPeriod: '1m' }), prober);
    expect(healthOf(worker)).toBe('starting');
    await harness.advance(59_000);
    expect(healthOf(worker)).toBe('starting');
    prober.result = { healthy: true, detail: 'HTTP 200' };
    await harness.advance(1000);
    expect(healthOf(worker)).toBe('healthy');
  });

  test('that hang are cut off after their time-out, one at a time', async () => {
    const prober = new ScriptedProber();
    prober.result = 'hangs';
    const { harness, worker } = await withTask(checked({ ...http, retries: 1 }), prober);
    await harness.advance(60_000);
    expect(prober.mostOpenCount).toBe(1);
    expect(worker.list().observations).toMatchObject([
      { health: 'unhealthy', progress: expect.stringContaining('no answer within 3s') },
    ]);
  });

  test('do not judge a task by a clock that steps', async () => {
    const { harness, worker, prober } = await withTask(checked(http));
    prober.result = FAILING;
    harness.clock.stepWall(86_400_000);
    await harness.settle();
    expect(healthOf(worker)).toBe('healthy');
    expect(prober.asked).toHaveLength(1);
  });

  test('by tcp open a connection to the published port', async () => {
    const { worker, prober } = await withTask(checked({ tcp: { port: 8080 } }));
    expect(prober.asked).toEqual(['tcp 127.0.0.1:8080']);
    expect(healthOf(worker)).toBe('healthy');
  });

  test('by command run it beside the task', async () => {
    let exitCode = 0;
    const commands: (readonly string[])[] = [];
    const harness = new WorkerHarness({
      policy: () => ({
        execute: (command) => {
          commands.push(command);
          return { exitCode, output: 'not ready\nat all' };
        },
      }),
    });
    const task = spec({ health: { command: ['check', '--all'], retries: 1 } });
    const { worker } = await withTask(task, new ScriptedProber(), harness);
    expect(commands).toEqual([['check', '--all']]);
    expect(healthOf(worker)).toBe('healthy');
    exitCode = 2;
    await harness.advance(10_000);
    expect(worker.list().observations).toMatchObject([
      { health: 'unhealthy', progress: 'Its health check failed: exit code 2: not ready.' },
    ]);
  });

  test('say nothing while the runtime is away', async () => {
    const { harness, worker, prober } = await withTask(checked({ ...http, retries: 1 }));
    harness.world.setOutage(WORKER, 'the engine is restarted');
    await harness.advance(5000);
    prober.result = FAILING;
    await harness.advance(30_000);
    expect(healthOf(worker)).toBe('healthy');
    harness.world.setOutage(WORKER);
    await harness.advance(15_000);
    expect(healthOf(worker)).toBe('unhealthy');
  });

  test('end with the task', async () => {
    const { harness, worker, prober } = await withTask(checked(http));
    await worker.assign(orders({ stop: [key(1)] }));
    await harness.advance(60_000);
    expect(prober.asked).toHaveLength(1);
  });

  test('end with the worker, and go on with the next from what was known', async () => {
    const { harness, worker, prober } = await withTask(checked(http));
    await worker.stop();
    await harness.advance(60_000);
    expect(prober.asked).toHaveLength(1);
    prober.result = FAILING;
    const next = await harness.boot({ prober });
    expect(healthOf(next)).toBe('healthy');
    await harness.advance(20_000);
    expect(healthOf(next)).toBe('unhealthy');
  });

  test('have a standalone task restarted by its policy', async () => {
    const prober = new ScriptedProber();
    const harness = new WorkerHarness();
    const worker = await harness.boot({ prober });
    const task = checked({ ...http, retries: 1 }, { restart: { delay: '1s', delayMax: '1s' } });
    await worker.submit({ id: taskId(1), spec: task });
    await harness.settle();
    prober.result = FAILING;
    await harness.advance(10_500);
    expect(worker.getTask(taskId(1)).status).toMatchObject({
      state: 'failed',
      reason: { code: 'unhealthy' },
    });
    prober.result = { healthy: true, detail: 'HTTP 200' };
    await harness.advance(1000);
    expect(worker.getTask(taskId(1)).status).toMatchObject({
      state: 'running',
      attempt: 2,
      health: 'healthy',
    });
  });

  test('do not bring back a standalone task that the user stops as it is given up', async () => {
    const prober = new ScriptedProber();
    const harness = new WorkerHarness({ policy: () => ({ stopMs: 2000 }) });
    const worker = await harness.boot({ prober });
    await worker.submit({ id: taskId(1), spec: checked({ ...http, retries: 1 }) });
    await harness.settle();
    prober.result = FAILING;
    await harness.advance(10_500);
    await worker.stopTask(taskId(1));
    await harness.advance(60_000);
    expect(worker.getTask(taskId(1)).status).toMatchObject({ state: 'completed', attempt: 1 });
  });
});

describe('the target of a check', () => {
  const port = (address: string) =>
    ({ container: 80, host: 32_768, protocol: 'tcp', address }) as const;

  test.each([
    ['0.0.0.0', '127.0.0.1'],
    ['', '127.0.0.1'],
    ['::', '::1'],
    ['127.0.0.1', '127.0.0.1'],
    ['192.0.2.7', '192.0.2.7'],
  ])('of a port published on %j is %s', (address, host) => {
    expect(targetOf([port(address)], 80)).toEqual({ host, port: 32_768 });
  });

  test('is none where the port is not published by tcp', () => {
    expect(targetOf([port('')], 81)).toBeUndefined();
    expect(targetOf([{ ...port(''), protocol: 'udp' }], 80)).toBeUndefined();
  });
});
