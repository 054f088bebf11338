import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import type { LogLine } from '../../src/link/protocol.ts';
import type {
  InstanceKey,
  InstanceSpec,
  InstanceStatus,
  Runtime,
  RuntimeEvent,
} from '../../src/runtime/runtime.ts';
import type { StopSignal } from '../../src/task/signal.ts';
import type { TaskSpec } from '../../src/task/task-spec.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { ExecuteWorkload, MakeSpec, SpecOverrides, Workload } from './runtime-workloads.ts';

/** What an implementation brings along to be judged by the suite. */
export interface RuntimeSuiteProvider {
  readonly capabilities: RuntimeCapabilities;
  /**
   * A runtime of the worker with this identity. Called again with the same identity and directory
   * it is the runtime of that worker after a restart.
   */
  create(worker: string, directory: string): Promise<Runtime>;
  readonly spec: MakeSpec;
  readonly command: (workload: ExecuteWorkload) => readonly string[];
  /**
   * What is left of a worker on the machine after all its instances were removed and its runtime
   * was closed, in words. Every test demands that it is nothing.
   */
  leftovers?(worker: string, directory: string): Promise<readonly string[]>;
}

interface RuntimeCapabilities {
  /** An instance that takes more memory than its spec says is killed. */
  readonly memoryLimits: boolean;
  /** Ports are really taken on this machine, so that another program can be in the way. */
  readonly realPorts: boolean;
  /** Host ports can be left for the runtime to choose. */
  readonly automaticPorts: boolean;
  /** Output is bytes from a real program. */
  readonly realOutput: boolean;
  /** Usage is measured, so that it takes a moment and is never exact. */
  readonly realUsage: boolean;
}

/** The rules of the `Runtime` port as tests, run on every implementation. */
export function runtimeSuite(name: string, provider: RuntimeSuiteProvider): void {
  describe(`${name} as a runtime`, () => {
    startTests(provider);
    stopTests(provider);
    removeTests(provider);
    isolationTests(provider);
    adoptionTests(provider);
    eventTests(provider);
    logTests(provider);
    executeTests(provider);
    usageTests(provider);
    closedTests(provider);
  });
}

function startTests(provider: RuntimeSuiteProvider): void {
  describe('start', () => {
    test('says that it is available, with a version', async () => {
      await using bench = await openBench(provider);
      const state = await bench.runtime.probe(bench.signal);
      expect(state).toMatchObject({ available: true, notes: expect.any(Array) });
    });

    test('makes an instance that inspect and list show as running', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'sleeper' });
      const started = await bench.start(instance);
      expect(started).toMatchObject({
        taskId: instance.taskId,
        attempt: 1,
        cluster: bench.cluster,
        phase: 'running',
        ports: [],
      });
      expect(started.runtimeId).not.toBe('');
      expect(Date.parse(started.startedAt ?? '')).not.toBeNaN();
      expect(started).not.toHaveProperty('exitCode');
      expect(started).not.toHaveProperty('reason');
      expect(await bench.inspect(instance)).toEqual(started);
      expect(await bench.runtime.list(bench.signal)).toEqual([started]);
    });

    test('knows nothing of what was never started', async () => {
      await using bench = await openBench(provider);
      expect(await bench.inspect({ taskId: randomUUID(), attempt: 1 })).toBeUndefined();
      expect(await bench.runtime.list(bench.signal)).toEqual([]);
    });

    test('repeated, finds the instance that is there', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'sleeper' });
      const first = await bench.start(instance);
      const second = await bench.start(instance);
      expect(second).toEqual(first);
      expect(await bench.runtime.list(bench.signal)).toHaveLength(1);
    });

    test('repeated after the end, leaves it ended', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'exits', code: 5 });
      await bench.start(instance);
      const ended = await bench.untilEnded(instance);
      expect(await bench.start(instance)).toEqual(ended);
      expect(await bench.inspect(instance)).toEqual(ended);
    });

    test('runs two attempts of one task as two instances', async () => {
      await using bench = await openBench(provider);
      const first = bench.instance({ kind: 'sleeper' });
      const second = { ...first, attempt: 2 };
      const one = await bench.start(first);
      const other = await bench.start(second);
      expect(one.runtimeId).not.toBe(other.runtimeId);
      await bench.stop(first, { timeoutMs: 0 });
      expect(await bench.inspect(second)).toMatchObject({ phase: 'running', attempt: 2 });
    });

    test.each([0, 1, 42, 255])('tells the exit code %i', async (code) => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'exits', code });
      await bench.start(instance);
      const ended = await bench.untilEnded(instance);
      expect(ended).toMatchObject({ phase: 'ended', exitCode: code, reason: { code: 'exited' } });
      expect(ended.reason?.message).not.toBe('');
      expect(Date.parse(ended.finishedAt ?? '')).toBeGreaterThanOrEqual(
        Date.parse(ended.startedAt ?? ''),
      );
    });

    test('refuses a program that does not exist, naming it, and leaves nothing', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'missing-program' });
      const error = await failureOf(bench.start(instance));
      expect(isCubeError(error, 'runtime-failed'), String(error)).toBe(true);
      expect(String(error)).toContain(instance.spec.command);
      expect(await bench.inspect(instance)).toBeUndefined();
      expect(await bench.runtime.list(bench.signal)).toEqual([]);
    });

    test('does nothing when its signal is aborted before', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'sleeper' });
      const why = new Error('Not wanted any more.');
      expect(await failureOf(bench.start(instance, AbortSignal.abort(why)))).toBe(why);
      expect(await bench.inspect(instance)).toBeUndefined();
    });

    test('aborted in between, has started it whole or left nothing', async () => {
      await using bench = await openBench(provider);
      for (const turns of [0, 1, 2, 5, 10, 20]) {
        const abort = new AbortController();
        const why = new Error('Not wanted any more.');
        const instance = bench.instance({ kind: 'sleeper' });
        const outcome = bench.start(instance, abort.signal).then(
          (status) => ({ status, error: undefined }),
          (error: unknown) => ({ status: undefined, error }),
        );
        for (let turn = 0; turn < turns; turn += 1) await nextTurn();
        abort.abort(why);
        const { status, error } = await outcome;
        const found = await bench.inspect(instance);
        if (status === undefined) {
          expect(error).toBe(why);
          expect(found).toBeUndefined();
        } else {
          expect(found).toEqual(status);
        }
      }
    });

    test('hands the environment of the spec over, secret values too', async () => {
      if (!provider.capabilities.realOutput) return;
      await using bench = await openBench(provider);
      const env = { GREETING: 'hello "world" $HOME', EMPTY: '', KEY: { secret: 'hush-hush' } };
      const instance = bench.instance({ kind: 'environment' }, { env });
      await bench.start(instance);
      await bench.untilEnded(instance);
      const lines = textsOf(await bench.logs(instance));
      expect(lines).toContain('GREETING=hello "world" $HOME');
      expect(lines).toContain('EMPTY=');
      expect(lines).toContain('KEY=hush-hush');
      expect(lines.some((line) => line.startsWith('VITEST'))).toBe(false);
    });

    test('publishes a port and says so', async () => {
      await using bench = await openBench(provider);
      const port = await findFreePort();
      const instance = bench.instance({ kind: 'sleeper' }, bench.onPort(port));
      const started = await bench.start(instance);
      expect(started.ports).toEqual([
        expect.objectContaining({ host: port, protocol: 'tcp', address: '127.0.0.1' }),
      ]);
      expect(await bench.inspect(instance)).toEqual(started);
    });

    test('chooses a host port where the spec leaves it open', async () => {
      if (!provider.capabilities.automaticPorts) return;
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'sleeper' }, { ports: [{ container: 8080 }] });
      const { ports } = await bench.start(instance);
      expect(ports).toEqual([
        { container: 8080, host: expect.any(Number), protocol: 'tcp', address: '127.0.0.1' },
      ]);
      expect(ports[0]?.host).toBeGreaterThan(0);
    });

    test('refuses a port that another program holds, and leaves nothing', async () => {
      if (!provider.capabilities.realPorts) return;
      await using bench = await openBench(provider);
      await using holder = await listen();
      const instance = bench.instance({ kind: 'sleeper' }, bench.onPort(holder.port));
      const error = await failureOf(bench.start(instance));
      expect(isCubeError(error, 'port-taken'), String(error)).toBe(true);
      expect(String(error)).toContain(`${holder.port}`);
      expect(await bench.inspect(instance)).toBeUndefined();
      expect(await bench.runtime.list(bench.signal)).toEqual([]);
    });

    test('kills what takes more memory than its limit, and says so', async () => {
      if (!provider.capabilities.memoryLimits) return;
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'memory-hog', memory: 32 * 1024 ** 2 });
      await bench.start(instance);
      const ended = await bench.untilEnded(instance);
      expect(ended).toMatchObject({ exitCode: 137, reason: { code: 'out-of-memory' } });
    });
  });
}

function stopTests(provider: RuntimeSuiteProvider): void {
  describe('stop', () => {
    test('lets the instance end by its signal, and tells its own exit code', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      const ended = await bench.stop(instance, { timeoutMs: 15_000 });
      expect(ended).toMatchObject({ phase: 'ended', exitCode: 3, reason: { code: 'exited' } });
      expect(await bench.inspect(instance)).toEqual(ended);
    });

    test('kills what does not heed the signal, and says after how long', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'stubborn' });
      const ended = await bench.stop(instance, { timeoutMs: 200 });
      expect(ended).toMatchObject({
        phase: 'ended',
        exitCode: 137,
        reason: { code: 'killed-after-timeout', details: { timeoutMs: 200 } },
      });
      expect(await bench.inspect(instance)).toEqual(ended);
    });

    test('by SIGKILL kills at once', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'stubborn' });
      const ended = await bench.stop(instance, { stopSignal: 'SIGKILL', timeoutMs: 600_000 });
      expect(ended).toMatchObject({ phase: 'ended', exitCode: 137 });
    });

    test('of an instance that has ended tells its end again', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'exits', code: 9 });
      await bench.start(instance);
      const ended = await bench.untilEnded(instance);
      expect(await bench.stop(instance)).toEqual(ended);
      expect(await bench.stop(instance)).toEqual(ended);
    });

    test('of an instance that never was gives nothing', async () => {
      await using bench = await openBench(provider);
      expect(await bench.stop({ taskId: randomUUID(), attempt: 1 })).toBeUndefined();
    });

    test('aborted, gives up waiting, and a second stop ends it', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'stubborn' });
      const abort = new AbortController();
      const why = new Error('The worker is shutting down.');
      const stopping = bench.stop(instance, { timeoutMs: 600_000, signal: abort.signal });
      setTimeout(() => abort.abort(why), 50);
      expect(await failureOf(stopping)).toBe(why);
      expect(await bench.inspect(instance)).toMatchObject({ phase: 'running' });
      const ended = await bench.stop(instance, { timeoutMs: 100 });
      expect(ended).toMatchObject({ phase: 'ended', reason: { code: 'killed-after-timeout' } });
    });

    test('does nothing when its signal is aborted before', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      const why = new Error('Not wanted any more.');
      expect(await failureOf(bench.stop(instance, { signal: AbortSignal.abort(why) }))).toBe(why);
      expect(await bench.inspect(instance)).toMatchObject({ phase: 'running' });
    });
  });
}

function removeTests(provider: RuntimeSuiteProvider): void {
  describe('remove', () => {
    test('kills and forgets a running instance, and may be repeated', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'stubborn' });
      await bench.remove(instance);
      expect(await bench.inspect(instance)).toBeUndefined();
      expect(await bench.runtime.list(bench.signal)).toEqual([]);
      await bench.remove(instance);
    });

    test('forgets an ended instance with its output', async () => {
      await using bench = await openBench(provider);
      const lines = [{ stream: 'stdout', text: 'said' }] as const;
      const instance = bench.instance({ kind: 'prints', lines, code: 0 });
      await bench.start(instance);
      await bench.untilEnded(instance);
      await bench.remove(instance);
      expect(await bench.inspect(instance)).toBeUndefined();
      expect(await bench.logs(instance)).toEqual([]);
    });

    test('makes room for the same attempt to be started anew', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'exits', code: 0 });
      await bench.start(instance);
      await bench.untilEnded(instance);
      await bench.remove(instance);
      const again = { ...instance, spec: provider.spec({ kind: 'sleeper' }) };
      expect(await bench.start(again)).toMatchObject({ phase: 'running' });
    });
  });
}

function isolationTests(provider: RuntimeSuiteProvider): void {
  describe('another worker', () => {
    test('neither sees nor touches what is not its own', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      const stranger = await bench.createFor(randomUUID());
      expect(await stranger.list(bench.signal)).toEqual([]);
      expect(await stranger.inspect(instance, bench.signal)).toBeUndefined();
      expect(await stranger.stop(instance, stopOptions(bench.signal))).toBeUndefined();
      await stranger.remove(instance, { removeVolumes: true, signal: bench.signal });
      expect(await bench.inspect(instance)).toMatchObject({ phase: 'running' });
    });
  });
}

function adoptionTests(provider: RuntimeSuiteProvider): void {
  describe('after a restart of the worker', () => {
    test('finds the running instance with the same identity, and can stop it', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      const before = await bench.inspect(instance);
      const after = await bench.restart();
      expect(await after.list(bench.signal)).toEqual([before]);
      expect(await after.inspect(instance, bench.signal)).toEqual(before);
      expect(await bench.start(instance)).toEqual(before);
      expect(await bench.stop(instance, { timeoutMs: 15_000 })).toMatchObject({ exitCode: 3 });
    });

    test('knows the exit code of what ended while no runtime was there', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'exits', code: 17, afterMs: 300 });
      await bench.start(instance);
      await bench.runtime.close();
      await new Promise((resolve) => setTimeout(resolve, 600));
      await bench.restart();
      const ended = await bench.untilEnded(instance);
      expect(ended).toMatchObject({ exitCode: 17, reason: { code: 'exited' } });
    });

    test('sees an adopted instance end, with its exit code, woken by an event', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'exits', code: 18, afterMs: 500 });
      await bench.start(instance);
      await bench.restart();
      using listener = bench.listen();
      const ended = await bench.untilEnded(instance);
      expect(ended).toMatchObject({ exitCode: 18 });
      await listener.until(instance);
    });

    test('remembers that an instance was killed after its time-out', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'stubborn' });
      const ended = await bench.stop(instance, { timeoutMs: 100 });
      await bench.restart();
      expect(await bench.inspect(instance)).toEqual(ended);
    });

    test('keeps the output', async () => {
      await using bench = await openBench(provider);
      const lines = [{ stream: 'stdout', text: 'before' }] as const;
      const instance = bench.instance({ kind: 'prints', lines, code: 0 });
      await bench.start(instance);
      await bench.untilEnded(instance);
      await bench.restart();
      expect(textsOf(await bench.logs(instance))).toEqual(['before']);
    });
  });
}

function eventTests(provider: RuntimeSuiteProvider): void {
  describe('events', () => {
    test('wake when an instance starts and ends by itself', async () => {
      await using bench = await openBench(provider);
      using listener = bench.listen();
      const instance = bench.instance({ kind: 'exits', code: 0, afterMs: 300 });
      await bench.start(instance);
      // An event may come before what it tells of, never only after long: each wakes a look.
      await listener.untilSeen(instance, (status) => status?.phase === 'ended');
    });

    test('wake within a second of the end', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      using listener = bench.listen();
      await bench.stop(instance, { timeoutMs: 15_000 });
      const endedAt = performance.now();
      await listener.until(instance);
      expect(performance.now() - endedAt).toBeLessThan(1000);
    });

    test('reach each of two readers', async () => {
      await using bench = await openBench(provider);
      using one = bench.listen();
      using other = bench.listen();
      const instance = bench.instance({ kind: 'exits', code: 0 });
      await bench.start(instance);
      await Promise.all([one.until(instance), other.until(instance)]);
    });

    test("throw the signal's reason when it is aborted", async () => {
      await using bench = await openBench(provider);
      const abort = new AbortController();
      const why = new Error('Enough.');
      const reading = readAll(bench.runtime.events(abort.signal));
      setTimeout(() => abort.abort(why), 20);
      expect(await failureOf(reading)).toBe(why);
      expect(await failureOf(readAll(bench.runtime.events(AbortSignal.abort(why))))).toBe(why);
    });
  });
}

function logTests(provider: RuntimeSuiteProvider): void {
  const lines = [
    { stream: 'stdout', text: 'one' },
    { stream: 'stderr', text: 'two' },
    { stream: 'stdout', text: '' },
    { stream: 'stdout', text: 'drei Äpfel ✓' },
    { stream: 'stderr', text: 'four' },
  ] as const;

  describe('logs', () => {
    test('give both streams of an ended instance, each in order', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'prints', lines, code: 2 });
      await bench.start(instance);
      await bench.untilEnded(instance);
      const given = await bench.logs(instance);
      for (const stream of ['stdout', 'stderr']) {
        expect(textsOf(given.filter((line) => line.stream === stream))).toEqual(
          textsOf(lines.filter((line) => line.stream === stream)),
        );
      }
    });

    test('give the last lines when asked for a tail', async () => {
      await using bench = await openBench(provider);
      const many = Array.from({ length: 30 }, (_, index) => ({
        stream: 'stdout' as const,
        text: `line ${index}`,
      }));
      const instance = bench.instance({ kind: 'prints', lines: many, code: 0 });
      await bench.start(instance);
      await bench.untilEnded(instance);
      const tail = await bench.logs(instance, { tail: 3 });
      expect(textsOf(tail)).toEqual(['line 27', 'line 28', 'line 29']);
      expect(await bench.logs(instance, { tail: 0 })).toEqual([]);
      expect(await bench.logs(instance, { tail: 1000 })).toHaveLength(30);
    });

    test('followed, go on until the instance has ended, and lose nothing', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'prints', lines, code: 0 });
      await bench.start(instance);
      const given = await bench.logs(instance, { follow: true });
      expect(textsOf(given).toSorted()).toEqual(textsOf(lines).toSorted());
      expect(await bench.inspect(instance)).toMatchObject({ phase: 'ended' });
    });

    test('followed, come while the instance runs', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'chatter' });
      await bench.start(instance);
      const seen: string[] = [];
      const abort = new AbortController();
      for await (const line of bench.runtime.logs(instance, {
        follow: true,
        signal: abort.signal,
      })) {
        seen.push(line.text);
        if (seen.length === 5) break;
      }
      expect(seen).toEqual(['tick 0', 'tick 1', 'tick 2', 'tick 3', 'tick 4']);
    });

    test("followed and aborted, throw the signal's reason", async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      const abort = new AbortController();
      const why = new Error('The reader left.');
      setTimeout(() => abort.abort(why), 50);
      const reading = bench.logs(instance, { follow: true, signal: abort.signal });
      expect(await failureOf(reading)).toBe(why);
    });

    test('of an instance that never was are empty', async () => {
      await using bench = await openBench(provider);
      const key = { taskId: randomUUID(), attempt: 1 };
      expect(await bench.logs(key)).toEqual([]);
      expect(await bench.logs(key, { follow: true })).toEqual([]);
    });

    test('replace what is no UTF-8, and give a last line without a newline', async () => {
      if (!provider.capabilities.realOutput) return;
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'invalid-utf8' });
      await bench.start(instance);
      await bench.untilEnded(instance);
      expect(textsOf(await bench.logs(instance))).toEqual(['a\uFFFD\uFFFDb']);
    });

    test('cut a line that is too long, and go on after it', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'long-line', length: 300_000 });
      await bench.start(instance);
      await bench.untilEnded(instance);
      const [long = '', after] = textsOf(await bench.logs(instance));
      expect(long.slice(0, 60_000)).toBe('x'.repeat(60_000));
      expect(long.length).toBeLessThan(66_000);
      expect(after).toBe('after');
    });
  });
}

function executeTests(provider: RuntimeSuiteProvider): void {
  describe('execute', () => {
    test('gives the exit code and the output of the command', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      const result = await bench.execute(instance, { kind: 'says', text: 'fine', code: 4 });
      expect(result).toEqual({ exitCode: 4, output: 'fine\n' });
    });

    test('keeps the first 4 KiB of the output', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      const result = await bench.execute(instance, { kind: 'says-much', length: 100_000 });
      expect(result).toEqual({ exitCode: 0, output: 'y'.repeat(4096) });
    });

    test('gives -1 for a command that does not end in time', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      const result = await bench.execute(instance, { kind: 'hangs' }, 200);
      expect(result.exitCode).toBe(-1);
      expect(await bench.inspect(instance)).toMatchObject({ phase: 'running' });
    });

    test('fails where nothing runs', async () => {
      await using bench = await openBench(provider);
      const instance = bench.instance({ kind: 'exits', code: 0 });
      const command = { kind: 'says', text: 'no', code: 0 } as const;
      expect(isCubeError(await failureOf(bench.execute(instance, command)))).toBe(true);
      await bench.start(instance);
      await bench.untilEnded(instance);
      const error = await failureOf(bench.execute(instance, command));
      expect(isCubeError(error, 'runtime-failed'), String(error)).toBe(true);
    });
  });
}

function usageTests(provider: RuntimeSuiteProvider): void {
  describe('usage', () => {
    test('is measured of what runs, and of nothing else', async () => {
      await using bench = await openBench(provider);
      const running = await bench.startReady({ kind: 'chatter' });
      const ended = bench.instance({ kind: 'exits', code: 0 });
      await bench.start(ended);
      await bench.untilEnded(ended);
      const [usage, ...others] = await eventually('usage is measured', async () => {
        const all = await bench.runtime.usage(bench.signal);
        return all.length > 0 && (!provider.capabilities.realUsage || (all[0]?.memory ?? 0) > 0)
          ? all
          : undefined;
      });
      expect(others).toEqual([]);
      expect(usage).toMatchObject({ taskId: running.taskId, attempt: 1 });
      expect(usage?.cpu).toBeGreaterThanOrEqual(0);
      expect(usage?.memory).toBeGreaterThanOrEqual(0);
    });
  });
}

function closedTests(provider: RuntimeSuiteProvider): void {
  describe('once closed', () => {
    test('refuses every operation, says that it is not available, and lets instances run', async () => {
      await using bench = await openBench(provider);
      const instance = await bench.startReady({ kind: 'sleeper' });
      const reading = failureOf(readAll(bench.runtime.events(bench.signal)));
      const closed = bench.runtime;
      await closed.close();
      await closed.close();
      const { signal } = bench;
      const operations = [
        () => closed.start(instance, { signal, onProgress: () => undefined }),
        () => closed.stop(instance, stopOptions(signal)),
        () => closed.remove(instance, { removeVolumes: false, signal }),
        () => closed.inspect(instance, signal),
        () => closed.list(signal),
        () => readAll(closed.events(signal)),
        () => readAll(closed.logs(instance, { follow: false, signal })),
        () => closed.execute(instance, { command: ['true'], timeoutMs: 1000, signal }),
        () => closed.usage(signal),
      ];
      for (const operation of operations) {
        const error = await failureOf(operation());
        expect(isCubeError(error, 'runtime-unavailable'), String(error)).toBe(true);
      }
      expect(isCubeError(await reading, 'runtime-unavailable')).toBe(true);
      expect(await closed.probe(signal)).toMatchObject({ available: false });
      await bench.restart();
      expect(await bench.inspect(instance)).toMatchObject({ phase: 'running' });
    });
  });
}

/** One worker's runtime in one test; all that it started is removed at the end. */
async function openBench(provider: RuntimeSuiteProvider): Promise<Bench> {
  const directory = await temporaryDirectory();
  const worker = randomUUID();
  return new Bench(provider, {
    worker,
    directory,
    runtime: await provider.create(worker, directory.path),
  });
}

interface BenchParts {
  readonly worker: string;
  readonly directory: AsyncDisposable & { readonly path: string };
  readonly runtime: Runtime;
}

class Bench implements AsyncDisposable {
  readonly cluster = randomUUID();
  /** Long enough for all that a test does; a test that hangs says where. */
  readonly signal = AbortSignal.timeout(60_000);
  runtime: Runtime;
  readonly #provider: RuntimeSuiteProvider;
  readonly #parts: BenchParts;
  readonly #strangers: Runtime[] = [];

  constructor(provider: RuntimeSuiteProvider, parts: BenchParts) {
    this.#provider = provider;
    this.#parts = parts;
    this.runtime = parts.runtime;
  }

  instance(workload: Workload, overrides?: SpecOverrides): InstanceSpec & { spec: TaskSpec } {
    const spec = this.#provider.spec(workload, overrides);
    return { taskId: randomUUID(), attempt: 1, cluster: this.cluster, spec };
  }

  /** A task that is reachable on this host port. */
  onPort(port: number): SpecOverrides {
    const container = this.#provider.capabilities.automaticPorts ? 8080 : port;
    return { ports: [{ container, host: port }] };
  }

  start(instance: InstanceSpec, signal: AbortSignal = this.signal): Promise<InstanceStatus> {
    return this.runtime.start(instance, { signal, onProgress: () => undefined });
  }

  /** Starts it and waits for its first words, after which it takes signals as it should. */
  async startReady(workload: Workload): Promise<InstanceSpec> {
    const instance = this.instance(workload);
    await this.start(instance);
    const abort = new AbortController();
    for await (const _ of this.runtime.logs(instance, {
      follow: true,
      signal: AbortSignal.any([this.signal, abort.signal]),
    })) {
      break;
    }
    return instance;
  }

  stop(
    key: InstanceKey,
    options: {
      readonly stopSignal?: StopSignal;
      readonly timeoutMs?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<InstanceStatus | undefined> {
    return this.runtime.stop(key, { ...stopOptions(this.signal), ...options });
  }

  remove(key: InstanceKey): Promise<void> {
    return this.runtime.remove(key, { removeVolumes: true, signal: this.signal });
  }

  inspect(key: InstanceKey): Promise<InstanceStatus | undefined> {
    return this.runtime.inspect(key, this.signal);
  }

  untilEnded(key: InstanceKey): Promise<InstanceStatus> {
    return eventually('the instance has ended', async () => {
      const status = await this.inspect(key);
      return status?.phase === 'ended' ? status : undefined;
    });
  }

  logs(
    key: InstanceKey,
    options: {
      readonly follow?: boolean;
      readonly tail?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<LogLine[]> {
    return readAll(this.runtime.logs(key, { follow: false, signal: this.signal, ...options }));
  }

  execute(key: InstanceKey, workload: ExecuteWorkload, timeoutMs = 15_000) {
    const command = this.#provider.command(workload);
    return this.runtime.execute(key, { command, timeoutMs, signal: this.signal });
  }

  listen(): Listener {
    return new Listener(this.runtime);
  }

  /** The worker's process ends and comes back: another runtime with the same identity. */
  async restart(): Promise<Runtime> {
    await this.runtime.close();
    this.runtime = await this.#provider.create(this.#parts.worker, this.#parts.directory.path);
    return this.runtime;
  }

  async createFor(worker: string): Promise<Runtime> {
    const runtime = await this.#provider.create(worker, this.#parts.directory.path);
    this.#strangers.push(runtime);
    return runtime;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const runtime = await this.restart();
    for (const status of await runtime.list(this.signal)) await this.remove(status);
    for (const one of [runtime, ...this.#strangers]) await one.close();
    const { worker, directory } = this.#parts;
    expect((await this.#provider.leftovers?.(worker, directory.path)) ?? []).toEqual([]);
    await this.#parts.directory[Symbol.asyncDispose]();
  }
}

/** Reads events from the moment it is made. */
class Listener implements Disposable {
  readonly #abort = new AbortController();
  readonly #runtime: Runtime;
  readonly #events: RuntimeEvent[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    void this.#read();
  }

  /** Waits for an event of the instance. */
  async until(key: InstanceKey): Promise<void> {
    await eventually(`an event tells of ${key.taskId}`, () =>
      this.#events.some((event) => tellsOf(event, key)),
    );
  }

  /** Waits until a look that an event woke shows what is wanted. */
  async untilSeen(
    key: InstanceKey,
    isWanted: (status: InstanceStatus | undefined) => boolean,
  ): Promise<void> {
    let seenCount = 0;
    await eventually('an event wakes the look that shows it', async () => {
      const news = this.#events.slice(seenCount);
      seenCount = this.#events.length;
      if (!news.some((event) => tellsOf(event, key))) return false;
      return isWanted(await this.#runtime.inspect(key, this.#abort.signal));
    });
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
  }

  async #read(): Promise<void> {
    try {
      for await (const event of this.#runtime.events(this.#abort.signal)) this.#events.push(event);
    } catch (error) {
      if (!this.#abort.signal.aborted && !isCubeError(error, 'runtime-unavailable')) throw error;
    }
  }
}

function tellsOf(event: RuntimeEvent, key: InstanceKey): boolean {
  if (event.type === 'resync') return true;
  return event.key.taskId === key.taskId && event.key.attempt === key.attempt;
}

function stopOptions(signal: AbortSignal) {
  return { stopSignal: 'SIGTERM', timeoutMs: 10_000, signal } as const;
}

function textsOf(lines: readonly { readonly text: string }[]): string[] {
  return lines.map((line) => line.text);
}

async function readAll<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What the promise fails with. */
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It was to fail, and did not.');
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function listen(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('It has no port.');
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function findFreePort(): Promise<number> {
  await using server = await listen();
  return server.port;
}
