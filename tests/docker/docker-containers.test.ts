import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { createDockerRuntime } from '../../src/runtime/docker/docker-runtime.ts';
import { openDockerBench } from '../support/docker-bench.ts';
import { TEST_IMAGE } from '../support/docker-image.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SLEEP = 'exec sleep 3600';

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('It was to fail with an error.');
}

describe('a container of a task', () => {
  test('bears our labels beside the user’s, and safe limits', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP, {
      cpu: 0.5,
      memory: '64MiB',
      labels: { tier: 'web' },
      stopSignal: 'SIGINT',
      stopTimeout: '1500ms',
    });
    const { runtimeId } = await bench.start(instance);
    const container = await bench.docker.getContainer(runtimeId).inspect();
    expect(container.Name).toMatch(/^\/cube-bench-[0-9a-f]{8}-1-[0-9a-f]{10}$/);
    expect(container.Config.Labels).toMatchObject({
      'cube.cluster': instance.cluster,
      'cube.worker': bench.worker,
      'cube.task': instance.taskId,
      'cube.attempt': '1',
      'cube.name': 'bench',
      tier: 'web',
    });
    expect(container.Config).toMatchObject({ StopSignal: 'SIGINT', Tty: false });
    expect(container.HostConfig).toMatchObject({
      Memory: 64 * 1024 ** 2,
      MemorySwap: 64 * 1024 ** 2,
      NanoCpus: 5e8,
      PidsLimit: 512,
      Init: true,
      Privileged: false,
      SecurityOpt: ['no-new-privileges'],
      CapDrop: ['NET_RAW'],
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    });
  });

  test('knows its task, name and attempt from its environment', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance('env', { env: { CUBE_ATTEMPT: '99', OWN: 'x' } });
    await bench.start(instance);
    await bench.untilEnded(instance);
    const lines = await bench.output(instance);
    expect(lines).toEqual(
      expect.arrayContaining([
        `CUBE_TASK_ID=${instance.taskId}`,
        'CUBE_TASK_NAME=bench',
        'CUBE_ATTEMPT=1',
        'OWN=x',
      ]),
    );
  });

  test('runs the arguments with the entry point of the image where no command is given', async () => {
    await using bench = await openDockerBench();
    const { spec, ...key } = bench.instance('');
    const { command: _, ...withoutCommand } = spec;
    await bench.start({ ...key, spec: { ...withoutCommand, args: ['echo', 'from', 'args'] } });
    await bench.untilEnded(key);
    expect(await bench.output(key)).toEqual(['from args']);
  });

  test('publishes several ports, chosen by the engine or by the user, tcp and udp', async () => {
    await using bench = await openDockerBench();
    const ports = [
      { container: 80 },
      { container: 80 },
      { container: 53, protocol: 'udp' as const },
    ];
    const started = await bench.start(bench.instance(SLEEP, { ports }));
    expect(started.ports).toHaveLength(3);
    expect(started.ports.map(({ container, protocol }) => `${container}/${protocol}`)).toEqual([
      '53/udp',
      '80/tcp',
      '80/tcp',
    ]);
    // A number may serve tcp and udp at once.
    const hosts = started.ports.map(({ host, protocol }) => `${host}/${protocol}`);
    expect(new Set(hosts).size).toBe(3);
  });

  test('is found by its labels after it was renamed', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP);
    const { runtimeId } = await bench.start(instance);
    await bench.docker
      .getContainer(runtimeId)
      .rename({ name: `renamed-${runtimeId.slice(0, 12)}` });
    const other = createDockerRuntime({ worker: bench.worker });
    expect(await other.inspect(instance, bench.signal)).toMatchObject({ runtimeId });
    await other.close();
    expect(await bench.start(instance)).toMatchObject({ runtimeId });
    expect(await bench.containers()).toEqual([runtimeId]);
  });

  test('gives nothing once it was removed behind our back, with an event that says so', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP);
    const abort = new AbortController();
    const events = bench.runtime.events(abort.signal)[Symbol.asyncIterator]();
    expect((await events.next()).value).toEqual({ type: 'resync' });
    const { runtimeId } = await bench.start(instance);
    const { taskId, attempt } = instance;
    const changed = { type: 'changed', key: { taskId, attempt } };
    expect((await events.next()).value).toEqual({ ...changed, isStart: true });
    await bench.docker.getContainer(runtimeId).remove({ force: true });
    expect((await events.next()).value).toEqual(changed);
    await eventually('it is gone', async () => {
      return (await bench.runtime.inspect(instance, bench.signal)) === undefined;
    });
    abort.abort();
  });

  test('whose name a stranger has taken is not made, and the stranger is left alone', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP);
    const { runtimeId } = await bench.start(instance);
    const { Name } = await bench.docker.getContainer(runtimeId).inspect();
    await bench.runtime.remove(instance, { removeVolumes: true, signal: bench.signal });
    const stranger = await bench.docker.createContainer({ name: Name.slice(1), Image: TEST_IMAGE });
    try {
      const error = await failureOf(bench.start(instance));
      expect(isCubeError(error, 'runtime-failed')).toBe(true);
      expect(error.message).toContain(Name.slice(1));
      await stranger.inspect();
    } finally {
      await stranger.remove({ force: true });
    }
  });

  test('that was made but never started is started by the next start', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP);
    const { runtimeId } = await bench.start(instance);
    const { Name, Config } = await bench.docker.getContainer(runtimeId).inspect();
    await bench.docker.getContainer(runtimeId).remove({ force: true });
    const { Labels, Image, Cmd } = Config;
    const made = await bench.docker.createContainer({
      name: Name.slice(1),
      Image,
      Labels,
      Cmd: ['sleep', '9'],
    });
    expect(Cmd).toEqual(['-c', SLEEP]);
    expect(await bench.runtime.inspect(instance, bench.signal)).toMatchObject({ phase: 'created' });
    expect(await bench.start(instance)).toMatchObject({ phase: 'running', runtimeId: made.id });
  });

  test('that was made but never started is removed by a stop', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP);
    const Labels = {
      'cube.worker': bench.worker,
      'cube.task': instance.taskId,
      'cube.attempt': '1',
    };
    await bench.docker.createContainer({ Image: TEST_IMAGE, Labels });
    const options = { stopSignal: 'SIGTERM', timeoutMs: 100, signal: bench.signal } as const;
    expect(await bench.runtime.stop(instance, options)).toBeUndefined();
    expect(await bench.containers()).toEqual([]);
  });
});

describe('a start that cannot work', () => {
  test.each([
    ['cube-no-such-program', 'was not found'],
    ['/bin/no/such', 'was not found'],
    ['/etc', 'no program that can be run'],
  ])('names the command %s, and leaves nothing', async (command, why) => {
    await using bench = await openDockerBench();
    const instance = bench.instance('', { command, args: [] });
    const error = await failureOf(bench.start(instance));
    expect(isCubeError(error, 'runtime-failed')).toBe(true);
    expect(error.message).toContain(`"${command}"`);
    expect(error.message).toContain(why);
    expect(await bench.containers()).toEqual([]);
  });

  test('names the address that the machine does not have', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP, { ports: [{ container: 80, address: '192.0.2.7' }] });
    const error = await failureOf(bench.start(instance));
    expect(isCubeError(error, 'runtime-failed')).toBe(true);
    expect(error.message).toContain('192.0.2.7');
    expect(await bench.containers()).toEqual([]);
  });

  test('names the port that another container has', async () => {
    await using bench = await openDockerBench();
    const first = await bench.start(bench.instance(SLEEP, { ports: [{ container: 80 }] }));
    const host = first.ports[0]?.host ?? 0;
    const second = bench.instance(SLEEP, { ports: [{ container: 80, host }] });
    const error = await failureOf(bench.start(second));
    expect(isCubeError(error, 'port-taken')).toBe(true);
    const { Name } = await bench.docker.getContainer(first.runtimeId).inspect();
    expect(error.message).toContain(`Port ${host} of bench is in use`);
    expect(error.message).toContain(`by the container ${Name.slice(1)}`);
    expect(await bench.containers()).toEqual([first.runtimeId]);
  });

  test('says that the image is not there where pulling is forbidden', async () => {
    await using bench = await openDockerBench();
    const error = await failureOf(bench.start(bench.instance('', { image: 'cube-test-nosuch:9' })));
    expect(isCubeError(error, 'image-missing')).toBe(true);
    expect(error.message).toContain('cube-test-nosuch:9');
  });

  test('tells the engine’s words when more cores are asked than there are', async () => {
    await using bench = await openDockerBench();
    const error = await failureOf(bench.start(bench.instance(SLEEP, { cpu: 90_000 })));
    expect(isCubeError(error, 'runtime-failed')).toBe(true);
    expect(error.message).toMatch(/CPUs/);
  });
});

describe('stop', () => {
  test('reaches a paused container', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance("trap 'exit 5' TERM; while :; do sleep 0.05; done");
    const { runtimeId } = await bench.start(instance);
    await bench.docker.getContainer(runtimeId).pause();
    expect(await bench.runtime.inspect(instance, bench.signal)).toMatchObject({ phase: 'running' });
    const options = { stopSignal: 'SIGTERM', timeoutMs: 10_000, signal: bench.signal } as const;
    expect(await bench.runtime.stop(instance, options)).toMatchObject({ exitCode: 5 });
  });

  test('ends a program that handles no signals at once, thanks to the init process', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP);
    await bench.start(instance);
    const options = { stopSignal: 'SIGTERM', timeoutMs: 30_000, signal: bench.signal } as const;
    const startedAt = performance.now();
    const ended = await bench.runtime.stop(instance, options);
    expect(ended).toMatchObject({ exitCode: 143, reason: { code: 'exited' } });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

describe('volumes', () => {
  test('that a spec names outlive the task', async () => {
    await using bench = await openDockerBench();
    const name = `cube-test-${bench.worker.slice(0, 8)}`;
    const volumes = [{ name, target: '/data' }];
    const first = bench.instance('echo kept > /data/file', { volumes });
    await bench.start(first);
    await bench.untilEnded(first);
    await bench.runtime.remove(first, { removeVolumes: true, signal: bench.signal });
    const second = bench.instance('cat /data/file', { volumes });
    await bench.start(second);
    await bench.untilEnded(second);
    expect(await bench.output(second)).toEqual(['kept']);
    const { Labels } = await bench.docker.getVolume(name).inspect();
    expect(Labels).toMatchObject({ 'cube.worker': bench.worker, 'cube.volume': 'named' });
  });

  test('of other programs are refused, unless they were made for tasks', async () => {
    await using bench = await openDockerBench();
    const name = `cube-test-foreign-${bench.worker.slice(0, 8)}`;
    const volumes = [{ name, target: '/data' }];
    const DriverOpts = { type: 'none', device: '/etc', o: 'bind' };
    const foreign = { Name: name, Driver: 'local', DriverOpts };
    await bench.docker.createVolume(foreign);
    try {
      await expect(bench.start(bench.instance('ls /data', { volumes }))).rejects.toMatchObject({
        code: 'not-allowed',
        message: `The volume ${name} exists and was not made by Cube, so tasks may not use it.`,
      });
      expect(await bench.containers()).toEqual([]);
    } finally {
      await bench.docker.getVolume(name).remove();
    }
    await bench.docker.createVolume({ Name: name, Labels: { 'cube.volume': 'named' } });
    try {
      const allowed = bench.instance('ls /data', { volumes });
      await bench.start(allowed);
      expect(await bench.untilEnded(allowed)).toMatchObject({ exitCode: 0 });
      await bench.runtime.remove(allowed, { removeVolumes: false, signal: bench.signal });
    } finally {
      await bench.docker.getVolume(name).remove();
    }
  });

  test('that the image asks for are there again in the next attempt, until they are removed', async () => {
    await using bench = await openDockerBench();
    const image = `cube-test-volume-${bench.worker.slice(0, 8)}:1`;
    const base = await bench.docker.createContainer({ Image: TEST_IMAGE });
    const [repo, tag] = image.split(':');
    await base.commit({ repo, tag, changes: 'VOLUME /data' });
    await base.remove();
    try {
      const first = bench.instance('echo "attempt $ATTEMPT" >> /data/file; cat /data/file', {
        image,
        env: { ATTEMPT: '1' },
      });
      await bench.start(first);
      await bench.untilEnded(first);
      await bench.runtime.remove(first, { removeVolumes: false, signal: bench.signal });
      const env = { ATTEMPT: '2' };
      const second = { ...first, attempt: 2, spec: { ...first.spec, env } };
      await bench.start(second);
      await bench.untilEnded(second);
      expect(await bench.output(second)).toEqual(['attempt 1', 'attempt 2']);
      await bench.runtime.remove(second, { removeVolumes: true, signal: bench.signal });
      const filters = { label: [`cube.task=${first.taskId}`] };
      expect((await bench.docker.listVolumes({ filters })).Volumes ?? []).toEqual([]);
    } finally {
      await bench.docker.getImage(image).remove({ force: true });
    }
  });
});

describe('binds', () => {
  test('show a folder below an allowed root, read-only where so asked', async () => {
    await using folder = await temporaryDirectory();
    await using bench = await openDockerBench({ bindRoots: [folder.path] });
    await mkdir(join(folder.path, 'site'));
    await writeFile(join(folder.path, 'site/index'), 'hello\n');
    const source = join(folder.path, 'site');
    const instance = bench.instance('cat /site/index; touch /site/x || echo read-only', {
      binds: [{ source, target: '/site', readOnly: true }],
    });
    await bench.start(instance);
    await bench.untilEnded(instance);
    const output = await bench.output(instance);
    expect(output).toContain('hello');
    expect(output).toContain('read-only');
  });

  test('that lead out of the root by a link are refused before anything is made', async () => {
    await using folder = await temporaryDirectory();
    await using bench = await openDockerBench({ bindRoots: [folder.path] });
    await symlink('/etc', join(folder.path, 'link'));
    const binds = [{ source: join(folder.path, 'link'), target: '/x' }];
    const error = await failureOf(bench.start(bench.instance(SLEEP, { binds })));
    expect(isCubeError(error, 'not-allowed')).toBe(true);
    expect(error.message).toContain('/etc');
    expect(await bench.containers()).toEqual([]);
  });
});

describe('execute', () => {
  test('kills a command that takes too long, with its children', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP);
    const { runtimeId } = await bench.start(instance);
    const command = ['sh', '-c', 'echo begun; sleep 4242; echo never'];
    const options = { command, timeoutMs: 500, signal: bench.signal };
    expect(await bench.runtime.execute(instance, options)).toMatchObject({ exitCode: -1 });
    await eventually('no process of it is left', async () => {
      const { Processes } = await bench.docker.getContainer(runtimeId).top();
      return !Processes.flat().some((text: string) => text.includes('4242'));
    });
  });

  test('tells of a program that is not there as a shell would', async () => {
    await using bench = await openDockerBench();
    const instance = bench.instance(SLEEP);
    await bench.start(instance);
    const options = { command: ['no-such-check'], timeoutMs: 5000, signal: bench.signal };
    const { exitCode, output } = await bench.runtime.execute(instance, options);
    expect([126, 127]).toContain(exitCode);
    expect(output).toContain('no-such-check');
  });
});

describe('limits', () => {
  test('a child that runs out of memory is not taken for its program', async () => {
    await using bench = await openDockerBench();
    const script = 'dd if=/dev/zero of=/dev/null bs=200M count=5; echo "child $?"; exit 8';
    const instance = bench.instance(script, { memory: '32MiB' });
    await bench.start(instance);
    expect(await bench.untilEnded(instance)).toMatchObject({
      exitCode: 8,
      reason: { code: 'exited' },
    });
    expect(await bench.output(instance)).toContain('child 137');
  });

  test('a fork bomb fails alone', async () => {
    await using bench = await openDockerBench({ pidsLimit: 16 });
    const bystander = bench.instance('sleep 3600');
    await bench.start(bystander);
    const script = 'i=0; while [ $i -lt 100 ]; do sleep 60 & i=$((i+1)); done; echo done; wait';
    const instance = bench.instance(script);
    await bench.start(instance);
    expect(await bench.untilEnded(instance)).toMatchObject({ reason: { code: 'exited' } });
    const output = (await bench.output(instance)).join();
    expect(output).toMatch(/fork/);
    expect(output).not.toContain('done');
    expect(await bench.runtime.inspect(bystander, bench.signal)).toMatchObject({
      phase: 'running',
    });
  });
});

describe('usage', () => {
  test('measures cores between two calls, and memory', async () => {
    await using bench = await openDockerBench();
    const busy = bench.instance('while :; do :; done', { cpu: 0.2 });
    await bench.start(busy);
    await bench.runtime.usage(bench.signal);
    const usage = await eventually('it has used the processor', async () => {
      const [one] = await bench.runtime.usage(bench.signal);
      return one !== undefined && one.cpu > 0.05 ? one : undefined;
    });
    expect(usage.cpu).toBeLessThan(1.5);
    expect(usage.memory).toBeGreaterThan(0);
  });
});

describe('logs', () => {
  test('order the lines of both outputs by their times', async () => {
    await using bench = await openDockerBench();
    const script =
      'i=0; while [ $i -lt 40 ]; do echo $i; i=$((i+1)); sleep 0.002; echo $i >&2; i=$((i+1)); sleep 0.002; done';
    const instance = bench.instance(script);
    await bench.start(instance);
    await bench.untilEnded(instance);
    const { signal } = bench;
    const lines = await Array.fromAsync(bench.runtime.logs(instance, { follow: false, signal }));
    expect(lines).toHaveLength(40);
    const times = lines.map(({ time = '' }) => Date.parse(time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    // The engine notes the time when it reads a line, each output by itself: between the two the
    // order may be another than that of writing, within each it never is.
    for (const [parity, stream] of ['stdout', 'stderr'].entries()) {
      const numbers = lines.filter((line) => line.stream === stream).map(({ text }) => text);
      expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => `${2 * index + parity}`));
    }
  });
});
