import { expect, test } from 'vitest';
import { systemClock } from '../../../../src/lib/clock.ts';
import { noopLogger } from '../../../../src/lib/logger.ts';
import { ContainerExecution } from '../../../../src/runtime/docker/container-execution.ts';
import { ContainerFinder } from '../../../../src/runtime/docker/container-finder.ts';
import { DockerEngine } from '../../../../src/runtime/docker/docker-engine.ts';
import { parseDockerHost } from '../../../../src/runtime/docker/docker-host.ts';
import { startHttpStub } from '../../../support/http-stub.ts';

const SIGNAL = AbortSignal.timeout(20_000);

/** Commands in an engine that says this of one, each time that it is asked. */
async function openExecution(replies: readonly object[]) {
  let count = 0;
  const stub = await startHttpStub(({ url }, response) => {
    response.setHeader('content-type', 'application/json');
    const isAboutCommand = url.pathname.endsWith('/exec/abc/json');
    const reply = isAboutCommand ? replies[Math.min(count, replies.length - 1)] : undefined;
    if (isAboutCommand) count += 1;
    response.end(JSON.stringify(reply ?? { ApiVersion: '1.41', Version: '20.10.0' }));
  });
  const clock = systemClock;
  const host = parseDockerHost(`tcp://127.0.0.1:${stub.port}`);
  const engine = new DockerEngine({ host, clock, callTimeoutMs: 20_000 });
  const logger = noopLogger;
  const finder = new ContainerFinder({ engine, worker: 'w', logger });
  const execution = new ContainerExecution({ engine, clock, logger, finder });
  const close = async (): Promise<void> => {
    engine.close();
    await stub[Symbol.asyncDispose]();
  };
  return { execution, askedCount: () => count, [Symbol.asyncDispose]: close };
}

test('the process of a command is asked for again while the engine has yet to hear of it', async () => {
  await using bench = await openExecution([
    { Running: true, Pid: 0, ExitCode: null },
    { Running: true, Pid: 77, ExitCode: null },
  ]);
  expect(await bench.execution.pid('abc', SIGNAL)).toBe(77);
  expect(bench.askedCount()).toBe(2);
});

test('a command that never began has no process', async () => {
  await using bench = await openExecution([{ Running: false, Pid: 0, ExitCode: null }]);
  expect(await bench.execution.pid('abc', SIGNAL)).toBe(0);
});

test('an engine that never tells is not asked for ever', async () => {
  await using bench = await openExecution([{ Running: true, Pid: 0, ExitCode: null }]);
  await expect(bench.execution.pid('abc', SIGNAL)).rejects.toMatchObject({
    code: 'runtime-unavailable',
    message: 'Docker does not tell the process of a command.',
  });
});
