import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export interface Tracing {
  /** Which threads: the one that writes the store, the one of the event loop, or all. */
  readonly threads: 'store' | 'main' | 'all';
  /** The system calls that are looked at, as strace has them. */
  readonly calls: string;
  /** What is done to them or to some, such as `pwrite64:signal=KILL:when=3`. */
  readonly inject?: string;
  /** Only calls on the file at this path. */
  readonly path?: string;
}

/** A tracer on a process that runs. */
export interface Tracer extends AsyncDisposable {
  /** The calls so far, one in each line. */
  lines(): Promise<readonly string[]>;
  /** Lets go of the process, which runs on as if nothing had been. */
  detach(): Promise<void>;
}

/** Puts strace on the threads of a running `cube`; resolves once it holds them. */
export async function attachTracer(pid: number, tracing: Tracing): Promise<Tracer> {
  const directory = await temporaryDirectory();
  const log = join(directory.path, 'trace');
  const { threads, calls, inject, path } = tracing;
  const targets = threads === 'store' ? await threadsNamed(pid, 'cube-store') : [pid];
  const args = [
    ...targets.flatMap((target) => ['-p', `${target}`]),
    ...(threads === 'all' ? ['-f'] : []),
    ...['-y', '-s', '5000', '-o', log, '-e', `trace=${calls}`],
    ...(path === undefined ? [] : ['-P', path]),
    ...(inject === undefined ? [] : ['-e', `inject=${inject}`]),
  ];
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  strace.stderr.on('data', (chunk) => {
    words += String(chunk);
  });
  await eventually('the tracer holds the process', () => {
    if (strace.exitCode !== null) throw new Error(`strace ended: ${words}`);
    return words.split(' attached').length > targets.length;
  });
  const detach = () => end(strace);
  return {
    detach,
    lines: async () => (await readFile(log, 'utf8')).split('\n'),
    async [Symbol.asyncDispose]() {
      await detach();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function end(strace: ChildProcess): Promise<void> {
  if (strace.exitCode !== null || strace.signalCode !== null) return;
  const ended = new Promise((resolve) => strace.once('exit', resolve));
  strace.kill('SIGTERM');
  await ended;
}

async function threadsNamed(pid: number, name: string): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const names = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/comm`, 'utf8')),
  );
  const found = threads.filter((_, index) => names[index]?.trim() === name).map(Number);
  if (found.length === 0) throw new Error(`Process ${pid} has no thread named ${name}.`);
  return found;
}
