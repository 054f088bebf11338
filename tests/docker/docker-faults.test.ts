import { describe, expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { createDockerRuntime } from '../../src/runtime/docker/docker-runtime.ts';
import type { InstanceKey, RuntimeEvent } from '../../src/runtime/runtime.ts';
import { type DockerBench, openDockerBench } from '../support/docker-bench.ts';
import { eventually } from '../support/eventually.ts';
import { openSocketProxy, type SocketProxy } from '../support/socket-proxy.ts';

const ENGINE = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';

const SLEEP = 'exec sleep 3600';

interface FaultBench extends AsyncDisposable {
  readonly proxy: SocketProxy;
  readonly bench: DockerBench;
}

async function openFaultBench(): Promise<FaultBench> {
  const proxy = await openSocketProxy(ENGINE);
  const bench = await openDockerBench({ dockerHost: proxy.path });
  return {
    proxy,
    bench,
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('It was to fail with an error.');
}

/** Reads a runtime's events until the test ends. */
class EventReader implements Disposable {
  readonly events: RuntimeEvent[] = [];
  readonly #abort = new AbortController();

  constructor(bench: DockerBench) {
    void this.#read(bench);
  }

  get resyncCount(): number {
    return this.events.filter(({ type }) => type === 'resync').length;
  }

  countOf({ taskId }: InstanceKey): number {
    return this.events.filter((event) => event.type === 'changed' && event.key.taskId === taskId)
      .length;
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
  }

  async #read(bench: DockerBench): Promise<void> {
    try {
      for await (const event of bench.runtime.events(this.#abort.signal)) this.events.push(event);
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    }
  }
}

describe('a reply that is lost', () => {
  test('after a create is no failure: the container is found and used', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    proxy.rule = (request) => (request.includes('/containers/create') ? 'lose-reply' : 'pass');
    const status = await bench.start(bench.instance(SLEEP));
    expect(status.phase).toBe('running');
    expect(await bench.containers()).toEqual([status.runtimeId]);
  });

  test('after a start lets the next start find what runs', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    proxy.rule = (request) => (/POST .*\/start /.test(request) ? 'lose-reply' : 'pass');
    const instance = bench.instance(SLEEP);
    const error = await failureOf(bench.start(instance));
    expect(isCubeError(error, 'runtime-unavailable')).toBe(true);
    proxy.rule = () => 'pass';
    const status = await bench.start(instance);
    expect(status.phase).toBe('running');
    expect(await bench.containers()).toEqual([status.runtimeId]);
    const { StartedAt } = (await bench.docker.getContainer(status.runtimeId).inspect()).State;
    expect(status.startedAt).toBe(new Date(StartedAt).toISOString());
  });

  test('after a remove lets the next remove succeed', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const instance = bench.instance(SLEEP);
    await bench.start(instance);
    proxy.rule = (request) => (request.startsWith('DELETE ') ? 'lose-reply' : 'pass');
    const options = { removeVolumes: false, signal: bench.signal };
    const error = await failureOf(bench.runtime.remove(instance, options));
    expect(isCubeError(error, 'runtime-unavailable')).toBe(true);
    proxy.rule = () => 'pass';
    await bench.runtime.remove(instance, options);
    expect(await bench.containers()).toEqual([]);
  });
});

describe('a reply that breaks off in the middle', () => {
  test('ends the call at once', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const instance = bench.instance(SLEEP);
    const { runtimeId } = await bench.start(instance);
    const broken = ['/json?', `/${runtimeId}/json`, '/version'];
    proxy.rule = (request) =>
      broken.some((part) => request.includes(part)) ? 'half-reply' : 'pass';
    const startedAt = performance.now();
    for (const call of [
      () => bench.runtime.inspect(instance, bench.signal),
      () => bench.runtime.list(bench.signal),
    ]) {
      expect(isCubeError(await failureOf(call()), 'runtime-unavailable')).toBe(true);
    }
    const state = await bench.runtime.probe(bench.signal);
    expect(state).toMatchObject({ available: false, reason: expect.stringContaining('broke') });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    proxy.rule = () => 'pass';
    expect(await bench.runtime.inspect(instance, bench.signal)).toMatchObject({ runtimeId });
  });
});

describe('a call that hangs', () => {
  test('ends with its time-out, while others go on', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const [stuck, other] = [bench.instance(SLEEP), bench.instance(SLEEP)];
    const { runtimeId } = await bench.start(stuck);
    await bench.start(other);
    proxy.rule = (request) => (request.includes(`/containers/${runtimeId}/`) ? 'hang' : 'pass');
    const { worker, signal } = bench;
    const hasty = createDockerRuntime({ worker, dockerHost: proxy.path, callTimeoutMs: 2000 });
    const failing = failureOf(hasty.inspect(stuck, signal));
    expect(await hasty.inspect(other, signal)).toMatchObject({ phase: 'running' });
    const error = await failing;
    expect(isCubeError(error, 'runtime-unavailable')).toBe(true);
    expect(error.message).toContain('did not answer within 2s');
    await hasty.close();
  });

  test('ends as soon as its signal is aborted', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    proxy.rule = (request) => (request.includes('/containers/json') ? 'hang' : 'pass');
    const abort = new AbortController();
    const why = new Error('Not wanted any more.');
    const listing = failureOf(bench.runtime.list(abort.signal));
    await eventually('the call hangs', () =>
      proxy.requests.some((request) => request.includes('/containers/json')),
    );
    abort.abort(why);
    expect(await listing).toBe(why);
  });

  test('ends when the runtime is closed', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    proxy.rule = (request) => (request.includes('/version') ? 'hang' : 'pass');
    const listing = failureOf(bench.runtime.list(bench.signal));
    await eventually('the call hangs', () => proxy.requests.length > 0);
    await bench.runtime.close();
    expect(isCubeError(await listing, 'runtime-unavailable')).toBe(true);
  });
});

describe('a start that is aborted', () => {
  test('while the container is made leaves nothing', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const isCreate = (request: string) => request.includes('/containers/create');
    proxy.rule = (request) => (isCreate(request) ? { delayMs: 200 } : 'pass');
    const abort = new AbortController();
    const why = new Error('Not wanted any more.');
    const instance = bench.instance(SLEEP);
    const starting = failureOf(
      bench.runtime.start(instance, { signal: abort.signal, onProgress: () => undefined }),
    );
    await eventually('it is being made', () => proxy.requests.some(isCreate));
    abort.abort(why);
    expect(await starting).toBe(why);
    expect(await bench.containers()).toEqual([]);
  });

  test('while the container starts has started it whole', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const isStart = (request: string) => /POST .*\/start /.test(request);
    proxy.rule = (request) => (isStart(request) ? { delayMs: 200 } : 'pass');
    const abort = new AbortController();
    const instance = bench.instance(SLEEP);
    const starting = bench.runtime.start(instance, {
      signal: abort.signal,
      onProgress: () => undefined,
    });
    await eventually('it is being started', () => proxy.requests.some(isStart));
    abort.abort(new Error('Not wanted any more.'));
    const status = await starting;
    expect(status.phase).toBe('running');
    expect(await bench.containers()).toEqual([status.runtimeId]);
  });
});

describe('an engine that goes away', () => {
  test('is told from one that has lost a container, and found again when it is back', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const instance = bench.instance(SLEEP);
    const { runtimeId } = await bench.start(instance);
    await proxy.stop();
    const error = await failureOf(bench.runtime.inspect(instance, bench.signal));
    expect(isCubeError(error, 'runtime-unavailable')).toBe(true);
    expect(
      isCubeError(await failureOf(bench.runtime.list(bench.signal)), 'runtime-unavailable'),
    ).toBe(true);
    const state = await bench.runtime.probe(bench.signal);
    expect(state.available).toBe(false);
    expect(state.reason).toMatch(/no Docker Engine at .*Start Docker .*DOCKER_HOST/);
    await proxy.start();
    expect(await bench.runtime.inspect(instance, bench.signal)).toMatchObject({ runtimeId });
  });

  test('leads to a resync when its events are back, and none of them is lost', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const instance = bench.instance('sleep 0.5; exit 3');
    using reader = new EventReader(bench);
    await eventually('events are read', () => reader.resyncCount === 1);
    await bench.start(instance);
    await eventually('the start is told', () => reader.countOf(instance) > 0);
    await proxy.stop();
    await eventually('it has ended meanwhile', async () => {
      const [id = ''] = await bench.containers();
      return !(await bench.docker.getContainer(id).inspect()).State.Running;
    });
    const seenCount = reader.countOf(instance);
    await proxy.start();
    await eventually('a resync is told', () => reader.resyncCount === 2);
    await eventually('the end is told', () => reader.countOf(instance) > seenCount);
    expect(await bench.runtime.inspect(instance, bench.signal)).toMatchObject({ exitCode: 3 });
  });

  test('does not make followed output lose or repeat a line', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const script = 'i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.02; done';
    const instance = bench.instance(script);
    await bench.start(instance);
    const texts: string[] = [];
    let cutCount = 0;
    for await (const { text } of bench.runtime.logs(instance, {
      follow: true,
      signal: bench.signal,
    })) {
      texts.push(text);
      if (text === '10' || text === '30') cutCount += proxy.cut(/\/logs\?/);
    }
    expect(cutCount).toBe(2);
    expect(texts).toEqual(Array.from({ length: 60 }, (_, index) => `${index}`));
  });

  test('does not make followed output wait for an end that is not told', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    proxy.rule = (request) => (request.includes('/logs?') ? 'lose-end' : 'pass');
    const instance = bench.instance('echo one; sleep 0.2; echo two');
    await bench.start(instance);
    const texts: string[] = [];
    const options = { follow: true, signal: bench.signal };
    for await (const { text } of bench.runtime.logs(instance, options)) texts.push(text);
    expect(texts).toEqual(['one', 'two']);
  });

  test('during a stop does not keep the stop from seeing the end', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const script = "trap 'sleep 0.6; exit 6' TERM; echo ready; while :; do sleep 0.05; done";
    const instance = bench.instance(script);
    await bench.start(instance);
    await eventually('it is ready', async () => (await bench.output(instance)).length > 0);
    let cutCount = 0;
    proxy.rule = (request) => {
      if (!request.includes('/wait?') || cutCount > 0) return 'pass';
      cutCount += 1;
      return 'half-reply';
    };
    const startedAt = performance.now();
    const stopping = bench.runtime.stop(instance, {
      stopSignal: 'SIGTERM',
      timeoutMs: 40_000,
      signal: bench.signal,
    });
    expect(await stopping).toMatchObject({ exitCode: 6, reason: { code: 'exited' } });
    expect(cutCount).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});

describe('events', () => {
  test('are not told of commands run inside, which come in floods', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP);
    await bench.start(instance);
    using reader = new EventReader(bench);
    await eventually('events are read', () => reader.resyncCount === 1);
    for (let count = 0; count < 3; count += 1) {
      const options = { command: ['true'], timeoutMs: 5000, signal: bench.signal };
      expect(await bench.runtime.execute(instance, options)).toMatchObject({ exitCode: 0 });
    }
    const [id = ''] = await bench.containers();
    await bench.docker.getContainer(id).pause();
    await eventually('the pause is told', () => reader.countOf(instance) > 0);
    expect(reader.countOf(instance)).toBe(1);
  });
});

describe('an engine that answers oddly', () => {
  const version = (facts: object) => ({ status: 200, body: JSON.stringify(facts) });

  test.each([
    ['too new', version({ Version: '99.0', ApiVersion: '1.99', MinAPIVersion: '1.90' }), /too new/],
    ['too old', version({ Version: '1.9', ApiVersion: '1.21' }), /too old/],
    ['no engine', version({ hello: 'world' }), /not a Docker Engine/],
    [
      'behind TLS',
      { status: 400, body: '{"message":"Client sent an HTTP request to an HTTPS server."}' },
      /DOCKER_CERT_PATH/,
    ],
  ])('is told to be %s', async (_, answer, reason) => {
    await using faults = await openFaultBench();
    faults.proxy.rule = (request) => (request.includes('/version') ? answer : 'pass');
    const state = await faults.bench.runtime.probe(faults.bench.signal);
    expect(state.available).toBe(false);
    expect(state.reason).toMatch(reason);
  });

  test('is asked anew for its version when it was changed meanwhile', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const body =
      '{"message":"client version 1.41 is too new. Maximum supported API version is 1.40"}';
    let refusedCount = 0;
    proxy.rule = (request) => {
      if (!request.includes('/containers/json') || refusedCount > 0) return 'pass';
      refusedCount += 1;
      return { status: 400, body };
    };
    expect(await bench.runtime.list(bench.signal)).toEqual([]);
    expect(proxy.requests.filter((request) => request.includes('/version'))).toHaveLength(2);
  });

  test('is not believed to have lost a container that it describes without a state', async () => {
    await using faults = await openFaultBench();
    const { bench, proxy } = faults;
    const instance = bench.instance(SLEEP);
    const { runtimeId } = await bench.start(instance);
    const body = JSON.stringify({ Id: runtimeId, Config: { Labels: {} } });
    proxy.rule = (request) =>
      request.includes(`/${runtimeId}/json`) ? { status: 200, body } : 'pass';
    const error = await failureOf(bench.runtime.inspect(instance, bench.signal));
    expect(isCubeError(error, 'runtime-unavailable')).toBe(true);
    expect(error.message).toContain('State');
    expect(
      isCubeError(await failureOf(bench.runtime.list(bench.signal)), 'runtime-unavailable'),
    ).toBe(true);
  });
});
