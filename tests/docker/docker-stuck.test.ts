import { expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { openDockerBench } from '../support/docker-bench.ts';
import { openSocketProxy } from '../support/socket-proxy.ts';

const ENGINE = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';

/** Twenty times as fast as the true one, for what takes its time to be given up. */
const hastyClock: Clock = {
  ...systemClock,
  monotonic: () => systemClock.monotonic() * 20,
  setTimer: (delayMs, callback) => systemClock.setTimer(delayMs / 20, callback),
};

test('a container that no signal ends is said to hang, is left as it is, and can be stopped later', async () => {
  await using proxy = await openSocketProxy(ENGINE);
  await using bench = await openDockerBench({
    dockerHost: `unix://${proxy.path}`,
    clock: hastyClock,
    callTimeoutMs: 600_000,
  });
  const [stuck, other] = [bench.instance('exec sleep 3600'), bench.instance('exec sleep 3600')];
  const { runtimeId } = await bench.start(stuck);
  await bench.start(other);
  // The engine takes every signal and says that it was sent, and nothing comes of it.
  proxy.rule = (request) =>
    request.includes(`/containers/${runtimeId}/kill`) ? { status: 204, body: '' } : 'pass';
  const stop = { stopSignal: 'SIGTERM', timeoutMs: 1000, signal: bench.signal } as const;
  const failed = bench.runtime.stop(stuck, stop).catch((error: unknown) => error);
  expect(await bench.runtime.stop(other, stop)).toMatchObject({ phase: 'ended' });
  const error = await failed;
  expect(isCubeError(error, 'runtime-failed')).toBe(true);
  expect(String(error)).toContain('did not end within 20s of SIGKILL: its process hangs');
  expect(await bench.runtime.inspect(stuck, bench.signal)).toMatchObject({
    phase: 'running',
    runtimeId,
  });
  proxy.rule = () => 'pass';
  expect(await bench.runtime.stop(stuck, stop)).toMatchObject({ phase: 'ended' });
});
