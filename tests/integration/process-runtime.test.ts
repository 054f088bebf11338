import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import {
  findControlGroupMounts,
  toControlGroupMounts,
} from '../../src/runtime/process/control-group-mounts.ts';
import { LOST_MARK } from '../../src/runtime/process/output-rotation.ts';
import { parseProcessStat, TICKS_PER_SECOND } from '../../src/runtime/process-identity.ts';
import { canCollapseFiles } from '../support/can-collapse-files.ts';
import { eventually } from '../support/eventually.ts';
import { modesBelow } from '../support/modes-below.ts';
import { isProcessAlive, openProcessBench, type ProcessBench } from '../support/process-bench.ts';

const isRoot = process.getuid?.() === 0;
const allMounts = await findControlGroupMounts();
const firstVersion = toControlGroupMounts(
  (await readFile('/proc/self/mounts', 'utf8')).replaceAll(' cgroup2 ', ' hidden '),
  '',
);
const hasFreezer = firstVersion.some((mount) => mount.controllers.includes('tracker'));
const hasMemory = isRoot && allMounts.some((mount) => mount.controllers.includes('memory'));

const READY = (line: string): boolean => line.startsWith('ready');

describe('a shim that is killed', () => {
  test('leaves the program running, and it is adopted with the same pid', async () => {
    await using bench = await openProcessBench();
    const instance = bench.shell('echo ready; while :; do sleep 1; done');
    const started = await bench.start(instance);
    process.kill(await bench.pid(instance, 'shim'), 'SIGKILL');
    await bench.restart();
    expect(await bench.inspect(instance)).toEqual(started);
    const ended = await bench.stop(instance);
    expect(ended).toMatchObject({ phase: 'ended', exitCode: 'unknown', reason: { code: 'lost' } });
    expect(await isProcessAlive(Number(started.runtimeId))).toBe(false);
  });

  test('costs the exit code, which is never invented, and the end is still noticed', async () => {
    await using bench = await openProcessBench({ pollMs: 100 });
    const instance = bench.shell('trap "exit 5" USR1; echo ready; while :; do sleep 0.05; done');
    const started = await bench.start(instance);
    await bench.untilLine(instance, READY);
    process.kill(await bench.pid(instance, 'shim'), 'SIGKILL');
    const events = bench.runtime.events(bench.signal)[Symbol.asyncIterator]();
    process.kill(Number(started.runtimeId), 'SIGUSR1');
    expect(await events.next()).toMatchObject({ value: { type: 'changed' } });
    const ended = await bench.untilEnded(instance);
    expect(ended).toMatchObject({ exitCode: 'unknown', reason: { code: 'lost' } });
  });

  test('together with its program leaves an end without an exit code', async () => {
    await using bench = await openProcessBench();
    const instance = bench.shell('echo ready; sleep 3600');
    await bench.start(instance);
    process.kill(-(await bench.pid(instance, 'shim')), 'SIGKILL');
    expect(await bench.untilEnded(instance)).toMatchObject({ exitCode: 'unknown' });
  });
});

test('a shim that was stopped is woken, and tells the exit code', async () => {
  await using bench = await openProcessBench({ pollMs: 50 });
  const instance = bench.shell('trap "exit 6" USR1; echo ready; while :; do sleep 0.05; done');
  const started = await bench.start(instance);
  await bench.untilLine(instance, READY);
  process.kill(await bench.pid(instance, 'shim'), 'SIGSTOP');
  process.kill(Number(started.runtimeId), 'SIGUSR1');
  expect(await bench.untilEnded(instance)).toMatchObject({ exitCode: 6 });
});

test('a pid that was given to another process is neither believed nor killed', async () => {
  await using bench = await openProcessBench();
  const instance = bench.shell('echo ready; sleep 3600');
  await bench.start(instance);
  await bench.runtime.close();
  const shimStat = await readFile(bench.path(instance, 'shim'), 'utf8');
  process.kill(-(await bench.pid(instance, 'shim')), 'SIGKILL');
  // The kernel tells start times in hundredths of a second: pids take longer than that to come round.
  const shimStart = Number(parseProcessStat(shimStat)?.startTicks);
  await eventually('the clock of start times moves on', async () => {
    return (await readUptimeTicks()) > shimStart;
  });
  await using bystander = await openBystander();
  // The record of the dead processes, as if their pids had since been given to the bystander.
  for (const which of ['shim', 'program']) {
    const forged = shimStat.replace(/^\d+/, `${bystander.pid}`);
    await writeFile(bench.path(instance, which), forged);
  }
  await bench.restart();
  expect(await bench.inspect(instance)).toMatchObject({
    phase: 'ended',
    exitCode: 'unknown',
    reason: { code: 'lost' },
  });
  await bench.stop(instance);
  await bench.runtime.remove(instance, { removeVolumes: true, signal: bench.signal });
  expect(await isProcessAlive(bystander.pid)).toBe(true);
});

describe('after a reboot of the machine', () => {
  test('what ran is lost, and no pid of before is touched', async () => {
    await using bench = await openProcessBench();
    await using bystander = await openBystander();
    const instance = bench.shell('echo ready; sleep 3600');
    await bench.start(instance);
    await bench.runtime.close();
    process.kill(-(await bench.pid(instance, 'shim')), 'SIGKILL');
    const bystanderStat = await readFile(`/proc/${bystander.pid}/stat`, 'utf8');
    for (const which of ['shim', 'program']) {
      await writeFile(bench.path(instance, which), bystanderStat);
    }
    await pretendReboot(bench, instance);
    expect(await bench.inspect(instance)).toMatchObject({
      phase: 'ended',
      exitCode: 'unknown',
      reason: { code: 'lost-on-reboot' },
    });
    expect(await isProcessAlive(bystander.pid)).toBe(true);
  });

  test('what had ended before is known with its exit code', async () => {
    await using bench = await openProcessBench({ pollMs: 60_000 });
    const instance = bench.shell('sleep 0.3; exit 11');
    await bench.start(instance);
    await bench.runtime.close();
    const exitFile = `${bench.directory}/${bench.worker}/exits/${instance.taskId}.1`;
    await eventually('the shim writes', async () => /^11/.test(await readFile(exitFile, 'utf8')));
    await pretendReboot(bench, instance);
    expect(await bench.inspect(instance)).toMatchObject({ exitCode: 11 });
  });
});

const trackers = [
  { name: "the machine's control groups", mounts: allMounts, can: isRoot && allMounts.length > 0 },
  { name: 'the freezer', mounts: firstVersion, can: isRoot && hasFreezer },
  { name: 'no control groups', mounts: [], can: true },
];

describe.for(trackers.filter((tracker) => tracker.can))('with $name', ({ mounts }) => {
  test('a stop reaches what began a session of its own', async () => {
    await using bench = await openProcessBench({ controlGroupMounts: mounts });
    const script = 'setsid sh -c "echo ready \\$\\$; sleep 3600; :" & wait';
    const instance = bench.shell(script);
    await bench.start(instance);
    const pid = Number((await bench.untilLine(instance, READY)).split(' ')[1]);
    expect(await isProcessAlive(pid)).toBe(true);
    await bench.stop(instance);
    expect(await isProcessAlive(pid)).toBe(false);
  });

  test('what a program leaves behind goes when it ends', async () => {
    await using bench = await openProcessBench({ controlGroupMounts: mounts });
    const instance = bench.shell('setsid sleep 3600 & echo "ready $!"; exit 4');
    await bench.start(instance);
    const pid = Number((await bench.untilLine(instance, READY)).split(' ')[1]);
    expect(await bench.untilEnded(instance)).toMatchObject({ exitCode: 4 });
    expect(await isProcessAlive(pid)).toBe(false);
  });
});

describe('a worker that is killed', () => {
  test('leaves its tasks running, writing, and telling their exit codes', async () => {
    await using bench = await openProcessBench();
    const runs = bench.shell('i=0; while :; do echo "tick $i"; i=$((i+1)); sleep 0.02; done');
    const ends = bench.shell('sleep 0.5; echo last words; exit 23');
    const instances = [runs, ends];
    const order = { directory: bench.directory, worker: bench.worker, instances };
    const script = fileURLToPath(new URL('../support/process-worker.ts', import.meta.url));
    const worker = spawn(process.execPath, [script, JSON.stringify(order)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = await once(worker.stdout, 'data');
    const [started] = JSON.parse(String(output));
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    const linesBefore = (await bench.logs(runs)).length;
    expect(await bench.inspect(runs)).toEqual(started);
    expect(await bench.untilEnded(ends)).toMatchObject({ exitCode: 23 });
    expect(await bench.logs(ends)).toEqual(['last words']);
    await eventually('it writes on', async () => (await bench.logs(runs)).length > linesBefore);
  });

  test('at any moment of a start, leaves nothing that a repeated start would double', async () => {
    await using bench = await openProcessBench();
    const instances = Array.from({ length: 6 }, () => bench.shell('echo ready; sleep 3600'));
    const script = fileURLToPath(new URL('../support/process-worker.ts', import.meta.url));
    for (const [index, instance] of instances.entries()) {
      const order = { directory: bench.directory, worker: bench.worker, instances: [instance] };
      const worker = spawn(process.execPath, [script, JSON.stringify(order)], { stdio: 'ignore' });
      const exited = once(worker, 'exit');
      await eventually('the start has begun', () =>
        stat(bench.path(instance)).then(
          () => true,
          () => false,
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, index));
      worker.kill('SIGKILL');
      await exited;
    }
    for (const instance of instances) {
      const status = await bench.start(instance);
      expect(status.phase).toBe('running');
      await bench.untilLine(instance, READY);
      expect(await bench.logs(instance)).toEqual(['ready']);
      expect(await countProcesses(instance.taskId)).toBe(2);
    }
  });
});

test('two runtimes that start one instance at once run one program', async () => {
  await using bench = await openProcessBench();
  const other = bench.create();
  const instance = bench.shell('echo ready; sleep 3600');
  const results = await Promise.allSettled([
    bench.start(instance),
    other.start(instance, { signal: bench.signal, onProgress: () => undefined }),
  ]);
  expect(results.some((result) => result.status === 'fulfilled')).toBe(true);
  expect(await countProcesses(instance.taskId)).toBeLessThanOrEqual(2);
});

test('a start aborted at any moment leaves nothing', async () => {
  await using bench = await openProcessBench();
  const why = new Error('Not wanted any more.');
  for (let delayMs = 0; delayMs < 30; delayMs += 1) {
    const instance = bench.shell('sleep 3600 & sleep 3600');
    const abort = new AbortController();
    const outcome = bench.runtime
      .start(instance, { signal: abort.signal, onProgress: () => undefined })
      .then(
        () => 'started',
        (error: unknown) => error,
      );
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    abort.abort(why);
    if ((await outcome) === 'started') continue;
    expect(await outcome).toBe(why);
    expect(await bench.inspect(instance)).toBeUndefined();
    expect(await countProcesses(instance.taskId)).toBe(0);
  }
});

test('an intention without a start is shown as created, and started on request', async () => {
  await using bench = await openProcessBench();
  const instance = bench.shell('echo ready; sleep 3600');
  await bench.start(instance);
  process.kill(-(await bench.pid(instance, 'shim')), 'SIGKILL');
  await eventually('it is dead', async () => (await countProcesses(instance.taskId)) === 0);
  // As if the worker had been killed between the record and the start of the shim.
  await bench.runtime.close();
  for (const name of ['claim', 'shim', 'program', 'end.json']) {
    await rm(bench.path(instance, name), { recursive: true, force: true });
  }
  await bench.restart();
  expect(await bench.inspect(instance)).toMatchObject({ phase: 'created' });
  expect(await bench.start(instance)).toMatchObject({ phase: 'running' });
});

describe('what is secret', () => {
  test('stands in no process arguments, and only in files of the owner', async () => {
    await using bench = await openProcessBench();
    const secret = 'a-very-secret-word';
    const instance = bench.shell('echo ready; sleep 3600', { env: { KEY: { secret } } });
    await bench.start(instance);
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      expect(command).not.toContain(secret);
    }
    for (const name of await readdir(bench.path(instance))) {
      const { mode } = await stat(bench.path(instance, name));
      expect(mode & 0o077, name).toBe(0);
    }
    expect((await stat(bench.path(instance))).mode & 0o077).toBe(0);
  });

  test("of the worker's own environment does not reach the task", async () => {
    await using bench = await openProcessBench();
    process.env['CUBE_TOKEN'] = 'token-of-the-worker';
    const instance = bench.shell('env');
    await bench.start(instance);
    delete process.env['CUBE_TOKEN'];
    await bench.untilEnded(instance);
    const names = (await bench.logs(instance)).map((line) => line.split('=')[0]).toSorted();
    expect(names).toEqual(
      ['CUBE_ATTEMPT', 'CUBE_TASK_ID', 'CUBE_TASK_NAME', 'HOME', 'LANG', 'PATH', 'PWD'].toSorted(),
    );
  });
});

test('a variable of the task cannot break out of the file that carries it', async () => {
  await using bench = await openProcessBench();
  const value = `'; touch broken; echo '$(touch broken)\`touch broken\`"\n\\'`;
  const instance = bench.shell('printf "%s" "$TRICKY"; ls', { env: { TRICKY: value } });
  await bench.start(instance);
  await bench.untilEnded(instance);
  expect((await bench.logs(instance)).join('\n')).toBe(value);
});

test('signals that stop a task reach a program with their default meaning', async () => {
  await using bench = await openProcessBench();
  const numbers = { SIGINT: 2, SIGQUIT: 3, SIGHUP: 1, SIGUSR1: 10, SIGUSR2: 12 } as const;
  for (const stopSignal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
    const instance = bench.instance({ command: 'sleep', args: ['3600'] });
    await bench.start(instance);
    const ended = await bench.runtime.stop(instance, {
      stopSignal,
      timeoutMs: 10_000,
      signal: bench.signal,
    });
    expect(ended).toMatchObject({ exitCode: 128 + numbers[stopSignal] });
  }
});

test('a program killed from outside is seen with code 137, as exited', async () => {
  await using bench = await openProcessBench();
  const instance = bench.instance({ command: 'sleep', args: ['3600'] });
  const { runtimeId } = await bench.start(instance);
  process.kill(Number(runtimeId), 'SIGKILL');
  expect(await bench.untilEnded(instance)).toMatchObject({
    exitCode: 137,
    reason: { code: 'exited' },
  });
});

describe('output', () => {
  test('is bounded on the disk, and a follower is told of what was lost', async () => {
    const outputLimits = { fileBytesMax: 20_000, rotatedCount: 2 };
    await using bench = await openProcessBench({ outputLimits, pollMs: 10 });
    const instance = bench.shell(
      [
        'seq -f "line %08.0f" 0 19999',
        'i=20000; while [ $i -lt 30000 ]; do echo "line 000$i"; i=$((i+1)); done',
        'while [ ! -e one ]; do sleep 0.02; done',
        'head -c 25000 /dev/zero | tr "\\000" x',
        'while [ ! -e two ]; do sleep 0.02; done',
      ].join('; '),
    );
    await bench.start(instance);
    const lines: string[] = [];
    const options = { follow: true, signal: bench.signal };
    const following = (async () => {
      for await (const { text } of bench.runtime.logs(instance, options)) lines.push(text);
    })();
    const isThere = (name: string) => () => existsSync(bench.path(instance, name));
    await eventually('the file is rotated', isThere('stdout.log.1'));
    // What was written last is kept, so that a follower comes to it, however slow it is.
    await eventually('the last line is seen', () => lines.includes('line 00029999'));
    await writeFile(bench.path(instance, 'work', 'one'), '');
    await eventually('the file is rotated again', isThere('stdout.log.2'));
    await writeFile(bench.path(instance, 'work', 'two'), '');
    await following;
    // A line whose end was lost says so; of one whose beginning was lost nothing is shown.
    const whole = lines.filter((line) => !line.endsWith(LOST_MARK));
    const numbers = whole
      .filter((line) => !/^x+$/.test(line))
      .map((line) => Number(/^line (\d{8})$/.exec(line)?.[1]));
    expect(numbers.length).toBeGreaterThan(100);
    const misplaced = numbers.findIndex((number, index) => !(number > (numbers[index - 1] ?? -1)));
    expect(numbers.slice(Math.max(0, misplaced - 1), misplaced + 1)).toEqual([]);
    expect(numbers.at(-1)).toBe(29_999);
    // The end of an instance is one more occasion to rotate.
    await eventually('the files are bounded', async () => {
      const names = (await readdir(bench.path(instance))).filter((name) => /^stdout/.test(name));
      // One that is renamed meanwhile is looked at again.
      const stats = await Promise.all(
        names.map((name) => stat(bench.path(instance, name)).catch(() => undefined)),
      );
      const isBounded = stats.every(
        (one) => one !== undefined && one.size <= 2.5 * outputLimits.fileBytesMax,
      );
      return isBounded && names.toSorted().join() === 'stdout.log,stdout.log.1,stdout.log.2';
    });
  });

  test('of a slow writer is followed over rotations without a gap or a repeat', async () => {
    const outputLimits = { fileBytesMax: 5000, rotatedCount: 20 };
    await using bench = await openProcessBench({ outputLimits, pollMs: 10 });
    const line = `$i ${'x'.repeat(200)}`;
    // It waits for a rotation that is due, so that it is never taken for a flood.
    const pause = `while [ "$(stat -c %s ../stdout.log)" -gt 5000 ]; do sleep 0.01; done`;
    const burst = `for _ in 1 2 3 4 5 6 7 8 9 10; do echo "${line}"; i=$((i+1)); sleep 0.005; done`;
    const script = `i=0; while [ $i -lt 150 ]; do ${burst}; ${pause}; done`;
    const instance = bench.shell(script);
    await bench.start(instance);
    const lines = await bench.logs(instance, true);
    const numbers = lines
      .filter((text) => !text.endsWith(LOST_MARK))
      .map((text) => Number(/^(\d+) x{200}$/.exec(text)?.[1]));
    const all = Array.from({ length: 150 }, (_, index) => index);
    expect(existsSync(bench.path(instance, 'stdout.log.2'))).toBe(true);
    if (await canCollapseFiles(bench.directory)) expect(numbers).toEqual(all);
    else {
      // What falls between the copy and the cut is lost there.
      expect(numbers).toEqual(all.filter((number) => numbers.includes(number)));
      expect(numbers.length).toBeGreaterThan(75);
    }
  });
});

describe('limits', () => {
  test.runIf(hasMemory)(
    'a child that runs out of memory is not taken for its program',
    async () => {
      await using bench = await openProcessBench();
      const script = 'dd if=/dev/zero of=/dev/null bs=200M count=5; echo "child $?"; exit 8';
      const instance = bench.shell(script, { memory: '32MiB' });
      await bench.start(instance);
      expect(await bench.untilEnded(instance)).toMatchObject({
        exitCode: 8,
        reason: { code: 'exited' },
      });
      expect(await bench.logs(instance)).toContain('child 137');
    },
  );

  test.runIf(hasMemory)('a fork bomb fails alone', async () => {
    await using bench = await openProcessBench({ pidsMax: 16 });
    const script = 'i=0; while [ $i -lt 100 ]; do sleep 60 & i=$((i+1)); done; echo done; wait';
    const instance = bench.shell(script);
    await bench.start(instance);
    const ended = await bench.untilEnded(instance);
    expect(ended.exitCode).toBe(2);
    expect((await bench.logs(instance)).join()).toContain('Cannot fork');
  });

  test('that cannot be set are named by the probe', async () => {
    await using bench = await openProcessBench({ controlGroupMounts: [] });
    const { notes } = await bench.runtime.probe(bench.signal);
    expect(notes.join(' ')).toContain('Limits of processes on memory, cpu, pids are not enforced');
  });
});

describe('refusals', () => {
  test('a port in use names the program that holds it', async () => {
    await using bench = await openProcessBench();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const instance = bench.shell('exit 0', { ports: [{ container: port }] });
    const error: unknown = await bench.start(instance).catch((reason: unknown) => reason);
    server.close();
    expect(isCubeError(error, 'port-taken')).toBe(true);
    expect(String(error)).toContain(`pid ${process.pid} (`);
  });

  test('a program that may not be executed is named with what to do', async () => {
    await using bench = await openProcessBench();
    const path = `${bench.directory}/program`;
    await writeFile(path, '#!/bin/sh\n', { mode: 0o644 });
    const error: unknown = await bench
      .start(bench.instance({ command: path }))
      .catch((reason: unknown) => reason);
    expect(isCubeError(error, 'runtime-failed') && error.hint).toBe(
      `Make it executable: chmod +x ${path}`,
    );
  });

  test("a program whose interpreter is missing fails the start, with the shell's words", async () => {
    await using bench = await openProcessBench();
    const path = `${bench.directory}/strange`;
    await writeFile(path, '#!/no/such/interpreter\n', { mode: 0o755 });
    const error: unknown = await bench
      .start(bench.instance({ command: path }))
      .catch((reason: unknown) => reason);
    expect(isCubeError(error, 'runtime-failed'), String(error)).toBe(true);
    expect(String(error)).toContain(path);
  });

  test('a script without a first line that names its interpreter is run by the shell', async () => {
    await using bench = await openProcessBench();
    const path = `${bench.directory}/script`;
    await writeFile(path, 'echo ready; sleep 3600\n', { mode: 0o755 });
    const instance = bench.instance({ command: path });
    await bench.start(instance);
    await bench.untilLine(instance, READY);
  });

  test('arguments longer than the system allows are refused in plain words', async () => {
    await using bench = await openProcessBench();
    const args = Array.from({ length: 200 }, () => 'x'.repeat(32_000));
    const error: unknown = await bench
      .start(bench.instance({ command: 'true', args }))
      .catch((reason: unknown) => reason);
    expect(isCubeError(error, 'runtime-failed'), String(error)).toBe(true);
    expect(String(error)).toContain('longer than this machine allows');
  });

  test('a damaged record is named by inspect, and hides no other instance', async () => {
    await using bench = await openProcessBench();
    const damaged = bench.shell('exit 0');
    const whole = bench.shell('exit 0');
    await bench.start(damaged);
    await bench.start(whole);
    await bench.untilEnded(damaged);
    const record = await readFile(bench.path(damaged, 'instance.json'), 'utf8');
    await writeFile(bench.path(damaged, 'instance.json'), record.slice(0, 20));
    const error: unknown = await bench.inspect(damaged).catch((reason: unknown) => reason);
    expect(isCubeError(error, 'runtime-failed')).toBe(true);
    expect(String(error)).toContain(bench.path(damaged, 'instance.json'));
    const listed = await bench.runtime.list(bench.signal);
    expect(listed.map((status) => status.taskId)).toEqual([whole.taskId]);
    await writeFile(bench.path(damaged, 'instance.json'), record);
  });

  test('an unknown user makes the runtime unavailable, and says so', async () => {
    await using bench = await openProcessBench();
    const runtime = bench.create({ user: 'no-such-user' });
    const state = await runtime.probe(bench.signal);
    expect(state.available).toBe(false);
    expect(state.reason).toMatch(isRoot ? /There is no user no-such-user/ : /Only root/);
  });
});

describe.runIf(isRoot)('as another user', () => {
  test('the program has no rights left, and its environment reaches no shim', async () => {
    await using bench = await openProcessBench({ user: 'nobody' });
    const script =
      'id -un; grep -E "NoNewPrivs|CapEff|CapBnd" /proc/self/status; pwd; touch file; ls';
    const instance = bench.shell(script, { env: { LD_PRELOAD: '/nowhere.so' } });
    await bench.start(instance);
    await bench.untilEnded(instance);
    const lines = (await bench.logs(instance)).map((line) => line.replace(/\s+/g, ' '));
    expect(lines).toContain('nobody');
    expect(lines).toContain('NoNewPrivs: 1');
    expect(lines).toContain('CapEff: 0000000000000000');
    expect(lines).toContain('CapBnd: 0000000000000000');
    expect(lines).toContain('file');
  });

  test('the program reaches its own folder by its path, and nothing else of Cube', async () => {
    await using bench = await openProcessBench({ user: 'nobody' });
    const script = [
      'cd / && cd "$HOME" && pwd && echo written > "$HOME/file" && cat file',
      'ls -l /proc/self/fd | grep -c "$DATA"',
      'cat "$DATA/environment" 2>&1; ls "$HOME/.." 2>&1; ls "$HOME/../.." 2>&1; exec sleep 3600',
    ];
    const wanted = bench.instance({ command: 'sh' });
    const instance = {
      ...wanted,
      spec: {
        ...wanted.spec,
        args: ['-c', script.join('; ')],
        env: { DATA: bench.path(wanted), KEY: { secret: 'a-very-secret-word' } },
      },
    };
    await bench.start(instance);
    await bench.untilLine(instance, (line) => line.includes(`'${bench.workRoot}/`));
    const denied = await eventually('all was tried', async () => {
      const lines = await bench.logs(instance);
      return lines.length === 6 ? lines : undefined;
    });
    const home = `${bench.workRoot}/${bench.worker}/${instance.taskId}.1/work`;
    // Of its descriptors only the error output is below Cube's directories, since the standard
    // output is a pipe here.
    expect(denied.slice(0, 3)).toEqual([home, 'written', '1']);
    for (const line of denied.slice(3)) expect(line).toMatch(/Permission denied$/);
    const options = { timeoutMs: 10_000, signal: bench.signal };
    const command = [
      'sh',
      '-c',
      'echo "$KEY"; id -un; pwd; ls -l /proc/self/fd | grep -c environment',
    ];
    const { output } = await bench.runtime.execute(instance, { ...options, command });
    expect(output).toBe(`a-very-secret-word\nnobody\n${home}\n0\n`);
    for (const [path, mode] of await modesBelow(bench.directory)) {
      expect(`${path} ${mode & 0o077}`).toBe(`${path} 0`);
    }
  });

  test('a work directory that others cannot reach is refused with what to do', async () => {
    await using bench = await openProcessBench({ user: 'nobody' });
    const closed = bench.create({ workRoot: join(bench.directory, 'work') });
    expect(await closed.probe(bench.signal)).toMatchObject({
      available: false,
      reason: expect.stringContaining(`Let others pass: chmod o+x ${bench.directory}`),
    });
    await rm(join(bench.directory, 'work'), { recursive: true });
    await chmod(bench.workRoot, 0o777);
    expect(await bench.runtime.probe(bench.signal)).toMatchObject({
      available: false,
      reason: expect.stringContaining('Others than root can write to'),
    });
    await chmod(bench.workRoot, 0o711);
  });

  test('a program that only root may reach fails the start', async () => {
    await using bench = await openProcessBench({ user: 'nobody' });
    await using secret = await openProcessBench();
    const path = `${secret.directory}/program`;
    await writeFile(path, '#!/bin/sh\n', { mode: 0o755 });
    const error: unknown = await bench
      .start(bench.instance({ command: path }))
      .catch((reason: unknown) => reason);
    expect(isCubeError(error, 'runtime-failed'), String(error)).toBe(true);
    expect(String(error)).toContain('could not be executed');
  });
});

/** A process that is none of ours. */
/** Now, on the clock of the kernel's start times, rounded down. */
async function readUptimeTicks(): Promise<number> {
  const seconds = Number.parseFloat(await readFile('/proc/uptime', 'latin1'));
  return Math.floor(seconds * TICKS_PER_SECOND);
}

async function openBystander(): Promise<AsyncDisposable & { readonly pid: number }> {
  const child: ChildProcess = spawn('sleep', ['3600'], { stdio: 'ignore' });
  await once(child, 'spawn');
  return {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Writes another boot id into the record, as if the machine had been restarted since. */
async function pretendReboot(bench: ProcessBench, key: { taskId: string; attempt: number }) {
  await bench.runtime.close();
  const path = bench.path(key, 'instance.json');
  const record = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...record, bootId: 'an earlier boot' }));
  await bench.restart();
}

/** How many processes bear the task's id in their environment. */
async function countProcesses(taskId: string): Promise<number> {
  let count = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    if (environment.includes(`CUBE_TASK_ID=${taskId}`)) count += 1;
  }
  return count;
}
