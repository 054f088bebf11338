import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import type { SessionInput, SessionOutput, SessionRequest } from '../../src/link/session.ts';
import type { InstanceSpec, Runtime } from '../../src/runtime/runtime.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { RuntimeSuiteProvider } from './runtime-suite.ts';

const TERMINAL = { columns: 91, rows: 33 };

/** The rules of `Runtime.openSession` as tests, for every runtime with commands that are real. */
export function sessionSuite(
  name: string,
  provider: Pick<RuntimeSuiteProvider, 'create' | 'spec'>,
): void {
  describe(`sessions of ${name}`, () => {
    let bench: SessionBench;
    beforeAll(async () => {
      bench = await openBench(provider);
    });
    afterAll(() => bench[Symbol.asyncDispose]());
    pipeTests(() => bench);
    terminalTests(() => bench);
    endTests(() => bench);
  });
}

type Provider = Pick<RuntimeSuiteProvider, 'create' | 'spec'>;

function pipeTests(bench: () => SessionBench): void {
  test('tell outputs apart, have the environment of the task, and end with the exit code', async () => {
    const session = bench().open([
      'sh',
      '-c',
      'echo "$GREETING"; sleep 0.05; echo bad >&2; exit 7',
    ]);
    expect(await session.rest()).toEqual({ stdout: 'hello\n', stderr: 'bad\n', code: 7 });
  });

  test('give input to the command until it ends', async () => {
    const session = bench().open(['sh', '-c', 'cat; echo done']);
    session.say('one\n');
    await session.until('one\n');
    session.say('two\n');
    session.end();
    expect(await session.rest()).toEqual({ stdout: 'one\ntwo\ndone\n', stderr: '', code: 0 });
  });

  test('carry megabytes both ways without a byte lost', async () => {
    const session = bench().open(['cat']);
    const block = 'x'.repeat(64 * 1024);
    for (let count = 0; count < 32; count += 1) session.say(block);
    session.end();
    const { stdout, code } = await session.rest();
    expect([stdout.length, code]).toEqual([32 * block.length, 0]);
  });

  test('end although the input goes on', async () => {
    const session = bench().open(['sh', '-c', 'exit 3']);
    session.say('x'.repeat(64 * 1024));
    expect((await session.rest()).code).toBe(3);
  });

  test('tell of a program that is not there as a shell does', async () => {
    const { code, stdout, stderr } = await bench().open(['no-such-program-here']).rest();
    expect(code).toBe(127);
    expect(stderr).toContain('no-such-program-here');
    // Whoever keeps the output in a file must not find it there.
    expect(stdout).toBe('');
  });
}

function endTests(bench: () => SessionBench): void {
  test.each([
    ['a pipe', undefined],
    ['a terminal', TERMINAL],
  ])('at %s, an abort kills all that the command has started', async (_, terminal) => {
    const mark = `3${Math.floor(Math.random() * 1e8)}`;
    const script = `trap '' HUP; sleep ${mark} & echo ready; sleep ${mark}`;
    const session = bench().open(['sh', '-c', script], terminal);
    await session.until('ready');
    await eventually('both of its processes', async () => (await countProcesses(mark)) === 2);
    session.abort();
    await expect(session.rest()).rejects.toThrow('enough');
    await eventually('the end of both', async () => (await countProcesses(mark)) === 0);
    expect(await bench().isRunning()).toBe(true);
  });

  test('an abort also kills what the command has left to itself', async () => {
    const mark = `4${Math.floor(Math.random() * 1e8)}`;
    const session = bench().open(['sh', '-c', `(sleep ${mark} &); echo ready; cat`]);
    await session.until('ready');
    await eventually('its process', async () => (await countProcesses(mark)) === 1);
    session.abort();
    await expect(session.rest()).rejects.toThrow('enough');
    await eventually('its end', async () => (await countProcesses(mark)) === 0);
  });

  test('are over when the task is', async () => {
    const session = bench().open(['sh', '-c', 'echo ready; sleep 3600']);
    await session.until('ready');
    const rest = session.rest();
    await bench().stop();
    expect((await rest).code).toBe(137);
  });

  test('are refused where nothing runs', async () => {
    const error = await bench()
      .open(['true'])
      .rest()
      .catch((thrown: unknown) => thrown);
    expect(isCubeError(error, 'runtime-failed'), String(error)).toBe(true);
  });
}

function terminalTests(bench: () => SessionBench): void {
  test('have a terminal of the size that was asked for, and then of another', async () => {
    // Some engines tell the size only once the command runs.
    const until = 'until stty size 2>&1 | grep -q 91; do sleep 0.02; done';
    const script = `${until}; stty size; echo "$TERM"; read line; stty size; echo "got $line"; exit 5`;
    const session = bench().open(['sh', '-c', script], { ...TERMINAL, type: 'vt100' });
    await session.until('vt100');
    session.resize(120, 40);
    session.say('word\r');
    const { stdout, stderr, code } = await session.rest();
    expect(stdout).toMatch(/33 91\r\nvt100\r\n/);
    expect(stdout).toMatch(/40 120\r\ngot word\r\n$/);
    expect([stderr, code]).toEqual(['', 5]);
  });

  test('hand Ctrl-C at a terminal to the command', async () => {
    const script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done";
    const session = bench().open(['sh', '-c', script], TERMINAL);
    await session.until('ready');
    session.say('\u0003');
    const { stdout, code } = await session.rest();
    expect(stdout).toContain('caught');
    expect(code).toBe(9);
  });

  test('tell the end of input at a terminal', async () => {
    const session = bench().open(['sh', '-c', 'echo ready; cat; exit 4'], TERMINAL);
    await session.until('ready');
    session.end();
    expect((await session.rest()).code).toBe(4);
  });
}

/** How many processes of this machine have `mark` as an argument. */
async function countProcesses(mark: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line === `sleep\0${mark}\0`).length;
}

async function openBench(provider: Provider): Promise<SessionBench> {
  const directory = await temporaryDirectory();
  const runtime = await provider.create(randomUUID(), directory.path);
  const spec = provider.spec({ kind: 'sleeper' }, { env: { GREETING: 'hello' } });
  const instance = { taskId: randomUUID(), attempt: 1, cluster: randomUUID(), spec };
  await runtime.start(instance, { signal: SIGNAL, onProgress: () => undefined });
  return new SessionBench(runtime, instance, directory);
}

/** Long enough for all that a test does. */
const SIGNAL: AbortSignal = AbortSignal.timeout(120_000);

/** One running instance, in which a test runs commands. */
class SessionBench implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #instance: InstanceSpec;
  readonly #directory: AsyncDisposable;

  constructor(runtime: Runtime, instance: InstanceSpec, directory: AsyncDisposable) {
    this.#runtime = runtime;
    this.#instance = instance;
    this.#directory = directory;
  }

  open(command: readonly string[], terminal?: SessionRequest['terminal']): TestSession {
    const request = { command: [...command], ...(terminal === undefined ? {} : { terminal }) };
    return new TestSession((input, signal) =>
      this.#runtime.openSession(this.#instance, { request, input, signal }),
    );
  }

  async stop(): Promise<void> {
    const options = { stopSignal: 'SIGKILL', timeoutMs: 0, signal: SIGNAL } as const;
    await this.#runtime.stop(this.#instance, options);
  }

  async isRunning(): Promise<boolean> {
    return (await this.#runtime.inspect(this.#instance, SIGNAL))?.phase === 'running';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runtime.remove(this.#instance, { removeVolumes: true, signal: SIGNAL });
    await this.#runtime.close();
    await this.#directory[Symbol.asyncDispose]();
  }
}

interface SessionResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | undefined;
}

/** A session in the hands of a test. */
class TestSession {
  readonly #abort = new AbortController();
  readonly #inputs: SessionInput[] = [];
  readonly #outputs: AsyncIterator<SessionOutput>;
  readonly #text = { stdout: '', stderr: '' };
  #wake: (() => void) | undefined;
  #code: number | undefined;

  constructor(
    open: (input: AsyncIterable<SessionInput>, signal: AbortSignal) => AsyncIterable<SessionOutput>,
  ) {
    const signal = AbortSignal.any([this.#abort.signal, SIGNAL]);
    this.#outputs = open(this.#input(), signal)[Symbol.asyncIterator]();
  }

  say(text: string): void {
    this.#push({ type: 'input', data: Buffer.from(text) });
  }

  end(): void {
    this.#push({ type: 'end' });
  }

  resize(columns: number, rows: number): void {
    this.#push({ type: 'resize', columns, rows });
  }

  abort(): void {
    this.#abort.abort(new Error('enough'));
  }

  /** Reads until the standard output holds `text`. */
  async until(text: string): Promise<void> {
    while (!this.#text.stdout.includes(text)) {
      if (!(await this.#read())) throw new Error(`It ended after: ${this.#text.stdout}`);
    }
  }

  async rest(): Promise<SessionResult> {
    while (await this.#read());
    return { ...this.#text, code: this.#code };
  }

  async #read(): Promise<boolean> {
    const { done, value } = await this.#outputs.next();
    if (done === true) return false;
    expect(this.#code, 'the exit code comes last').toBeUndefined();
    if (value.type === 'exit') this.#code = value.code;
    else this.#text[value.type] += Buffer.from(value.data).toString();
    return true;
  }

  #push(input: SessionInput): void {
    this.#inputs.push(input);
    this.#wake?.();
  }

  async *#input(): AsyncGenerator<SessionInput> {
    for (;;) {
      const next = this.#inputs.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
