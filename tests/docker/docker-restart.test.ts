import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { describe, expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { createDockerRuntime } from '../../src/runtime/docker/docker-runtime.ts';
import type { Runtime, RuntimeEvent } from '../../src/runtime/runtime.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import { openDockerBench } from '../support/docker-bench.ts';
import { TEST_IMAGE } from '../support/docker-image.ts';
import { eventually } from '../support/eventually.ts';
import { openPrivateEngine, whyNoPrivateEngine } from '../support/private-engine.ts';

const why = whyNoPrivateEngine();

function script(text: string) {
  const command = { command: 'sh', args: ['-c', text] };
  const spec = taskSpecSchema.parse({ name: 'x', image: TEST_IMAGE, pull: 'never', ...command });
  return { taskId: randomUUID(), attempt: 1, cluster: randomUUID(), spec };
}

async function collect(
  runtime: Runtime,
  { events, signal }: { events: RuntimeEvent[]; signal: AbortSignal },
): Promise<void> {
  try {
    for await (const event of runtime.events(signal)) events.push(event);
  } catch (error) {
    if (!signal.aborted && !isCubeError(error, 'runtime-unavailable')) throw error;
  }
}

describe.skipIf(why !== undefined)(`an engine of our own${why ? ` (${why})` : ''}`, () => {
  test('killed and started again: exit codes are the true ones, and a resync is told', async () => {
    await using engine = await openPrivateEngine();
    const runtime = createDockerRuntime({ worker: randomUUID(), dockerHost: engine.path });
    const signal = AbortSignal.timeout(100_000);
    const options = { signal, onProgress: () => undefined };
    const abort = new AbortController();
    const events: RuntimeEvent[] = [];
    const reading = collect(runtime, { events, signal: abort.signal });
    const [long, short] = [script('exec sleep 3600'), script('sleep 2; exit 7')];
    await runtime.start(long, options);
    const { runtimeId } = await runtime.start(short, options);
    const resyncCount = () => events.filter(({ type }) => type === 'resync').length;
    await eventually('events are read', () => resyncCount() === 1);
    const { Pid } = (await engine.docker.getContainer(runtimeId).inspect()).State;
    await engine.kill();
    const error = await runtime.list(signal).catch((thrown: unknown) => thrown);
    expect(isCubeError(error, 'runtime-unavailable')).toBe(true);
    await eventually('the short one ends while no engine looks', () => !existsSync(`/proc/${Pid}`));
    await engine.start();
    await eventually('a resync is told', () => resyncCount() === 2);
    expect(await runtime.inspect(short, signal)).toMatchObject({ phase: 'ended', exitCode: 7 });
    // Without live restore an engine ends what it finds running; that is a true end as well.
    expect(await runtime.inspect(long, signal)).toMatchObject({ phase: 'ended', exitCode: 143 });
    abort.abort();
    await reading;
    await runtime.close();
  });
});

test('an engine is reached by TCP, whatever the environment says', async () => {
  const server = createServer((client) => {
    const upstream = dial('/var/run/docker.sock');
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('It has no port.');
  const before = process.env['DOCKER_HOST'];
  try {
    const dockerHost = `tcp://127.0.0.1:${address.port}`;
    await using bench = await openDockerBench({ dockerHost, bindRoots: ['/'] });
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
    const state = await bench.runtime.probe(bench.signal);
    expect(state).toMatchObject({ available: true, version: expect.any(String) });
    expect(state.notes.join()).toContain('not encrypted');
    const instance = bench.instance('exit 4');
    await bench.start(instance);
    expect(await bench.untilEnded(instance)).toMatchObject({ exitCode: 4 });
    const bound = bench.instance('', { binds: [{ source: '/srv', target: '/x' }] });
    await expect(bench.start(bound)).rejects.toMatchObject({ code: 'not-allowed' });
  } finally {
    if (before === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = before;
    await new Promise((resolve) => server.close(resolve));
  }
});

test.each([
  ['ssh://ann@host', /ssh -N -L/],
  ['nonsense://x', /DOCKER_HOST is "nonsense/],
  ['/nowhere/docker.sock', /no Docker Engine at \/nowhere\/docker\.sock/],
  ['tcp://127.0.0.1:1', /Nothing listens at tcp:\/\/127\.0\.0\.1:1/],
])('the engine at %s is not available, and why', async (dockerHost, reason) => {
  const runtime = createDockerRuntime({ worker: randomUUID(), dockerHost });
  const signal = AbortSignal.timeout(20_000);
  const state = await runtime.probe(signal);
  expect(state).toMatchObject({ available: false, notes: [] });
  expect(state.reason).toMatch(reason);
  await expect(runtime.list(signal)).rejects.toMatchObject({ code: 'runtime-unavailable' });
  await runtime.close();
});
