import { Duplex, type Readable } from 'node:stream';
import { CubeError } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type {
  SessionInput,
  SessionOptions,
  SessionOutput,
  SessionRequest,
} from '../../link/session.ts';
import type { InstanceKey } from '../runtime.ts';
import {
  type ContainerExecution,
  isNotFound,
  NOT_EXECUTABLE,
  NOT_FOUND,
  neverRan,
  type Target,
} from './container-execution.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal, refusalError, sentence } from './engine-error.ts';
import { FrameReader } from './log-frames.ts';

/** What a user types at a terminal to say that there is no more. */
const END_OF_INPUT = Buffer.from([4]);

/** A first size is told so often, with pauses that grow by this, in milliseconds. */
const RESIZE_TRIES = 10;
const RESIZE_WAIT_MS = 10;

/** A command in a container, connected to whoever asked for it. */
export class ContainerSessions {
  readonly #engine: DockerEngine;
  readonly #clock: Clock;
  readonly #execution: ContainerExecution;

  constructor(options: {
    readonly engine: DockerEngine;
    readonly clock: Clock;
    readonly execution: ContainerExecution;
  }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#execution = options.execution;
  }

  /** See `Runtime.openSession`. */
  async *open(key: InstanceKey, given: SessionOptions): AsyncGenerator<SessionOutput> {
    const signal = AbortSignal.any([given.signal, this.#engine.closedSignal]);
    const options = { ...given, signal };
    const target = await this.#execution.target(key, signal);
    let isOver = false;
    try {
      const stream = await this.#connect(target, options);
      if (stream instanceof Refusal) {
        const { exitCode, output } = neverRan(whatOf(options), stream);
        isOver = true;
        yield { type: 'stderr', data: Buffer.from(`${output}\n`) };
        yield { type: 'exit', code: exitCode };
        return;
      }
      let held: (SessionOutput & { readonly data: Uint8Array }) | undefined;
      let isFirst = true;
      for await (const output of this.#converse(stream, target, options)) {
        // What comes after it shows that it was the command's own.
        if (held !== undefined) yield held;
        held = isFirst && isComplaint(output) ? output : undefined;
        if (held === undefined) yield output;
        isFirst = false;
      }
      const code = await this.#execution.exitCode(target.execId ?? '', signal);
      isOver = true;
      if (held === undefined) yield { type: 'exit', code };
      else yield* toRefusal(held, code);
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      if (!isOver) await this.#execution.kill(target);
    }
  }

  async *#converse(
    stream: Duplex,
    target: Target,
    { request, input, signal }: SessionOptions,
  ): AsyncGenerator<SessionOutput> {
    const hands = input[Symbol.asyncIterator]();
    const onAbort = (): void => void stream.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    const isTerminal = request.terminal !== undefined;
    const feeder = new Feeder(stream, isTerminal, (size) => this.#resize(target, size, signal));
    void feeder.feed(hands).catch((error: unknown) => {
      stream.destroy(error instanceof Error ? error : undefined);
    });
    try {
      if (request.terminal !== undefined) {
        this.#resizeAtStart(target, request.terminal, signal).catch((error: unknown) => {
          stream.destroy(error instanceof Error ? error : undefined);
        });
      }
      yield* isTerminal ? readTerminal(stream) : readFrames(stream);
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener('abort', onAbort);
      feeder.stop();
      stream.destroy();
      // Not waited for: nothing may come any more on which it could end.
      void hands.return?.().then(undefined, () => undefined);
    }
  }

  /** Makes and starts the command; what comes back is its input and its output. */
  async #connect(target: Target, options: SessionOptions): Promise<Duplex | Refusal> {
    const { request, signal } = options;
    const what = whatOf(options);
    const { terminal } = request;
    const exec = await this.#engine.attempt({
      what,
      signal,
      run: (docker, abortSignal) =>
        docker.getContainer(target.containerId).exec({
          Cmd: [...request.command],
          AttachStdin: true,
          AttachStdout: true,
          AttachStderr: true,
          Tty: terminal !== undefined,
          ...(terminal === undefined
            ? {}
            : { Env: [`TERM=${terminal.type ?? 'xterm'}`], ...sizeOf(terminal) }),
          abortSignal,
        }),
    });
    if (exec instanceof Refusal) throw refusalError(what, exec);
    target.execId = exec.id;
    const stream: Readable | Refusal = await this.#engine.open({
      what,
      signal,
      run: (docker, abortSignal) =>
        docker.getExec(exec.id).start({
          hijack: true,
          stdin: true,
          Tty: terminal !== undefined,
          ...(terminal === undefined ? {} : sizeOf(terminal)),
          abortSignal,
        }),
    });
    if (stream instanceof Refusal || stream instanceof Duplex) return stream;
    stream.destroy();
    throw new CubeError('runtime-unavailable', 'Docker gave no connection to the command.');
  }

  /** An engine may answer a moment before the command is there to have a size. */
  async #resizeAtStart(target: Target, size: TerminalRequest, signal: AbortSignal): Promise<void> {
    for (let tries = 1; tries <= RESIZE_TRIES; tries += 1) {
      if (await this.#resize(target, size, signal)) return;
      await sleep(this.#clock, tries * RESIZE_WAIT_MS, signal);
    }
  }

  /** False where it was refused: a command that has ended, or not begun, has no size. */
  async #resize(
    { execId }: Target,
    { columns, rows }: { readonly columns: number; readonly rows: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    if (execId === undefined) return false;
    const reply = await this.#engine.attempt({
      what: 'tell a command the size of its terminal',
      signal,
      run: (docker, abortSignal) =>
        docker.getExec(execId).resize({ w: columns, h: rows, abortSignal }),
    });
    return !(reply instanceof Refusal);
  }
}

/** How an engine begins to tell that a command never began, on the output that the command never had. */
const COMPLAINT = 'OCI runtime exec failed: ';

function isComplaint(
  output: SessionOutput,
): output is SessionOutput & { readonly data: Uint8Array } {
  return output.type === 'stdout' && Buffer.from(output.data).toString().startsWith(COMPLAINT);
}

/** Nothing that a command has written: whoever keeps its output in a file must not find it there. */
function* toRefusal(
  held: SessionOutput & { readonly data: Uint8Array },
  code: number,
): Generator<SessionOutput> {
  const isRefused = code === NOT_FOUND || code === NOT_EXECUTABLE;
  if (!isRefused) {
    yield held;
    yield { type: 'exit', code };
    return;
  }
  const text = Buffer.from(held.data).toString().trim().slice(COMPLAINT.length);
  yield { type: 'stderr', data: Buffer.from(`${sentence(text)}\n`) };
  yield { type: 'exit', code: isNotFound(text) ? NOT_FOUND : NOT_EXECUTABLE };
}

type TerminalRequest = NonNullable<SessionRequest['terminal']>;

/** Engines older than API 1.42 pass over the size, and are told it once the command runs. */
function sizeOf({ columns, rows }: TerminalRequest): object {
  return { ConsoleSize: [rows, columns] };
}

function whatOf({ request }: SessionOptions): string {
  return `run ${request.command[0]} in a container`;
}

/** Carries input to a command, as fast as the command takes it. */
class Feeder {
  readonly #stream: Duplex;
  readonly #isTerminal: boolean;
  readonly #resize: (size: SessionInput & { readonly type: 'resize' }) => Promise<unknown>;
  #isStopped = false;

  constructor(
    stream: Duplex,
    isTerminal: boolean,
    resize: (size: SessionInput & { readonly type: 'resize' }) => Promise<unknown>,
  ) {
    this.#stream = stream;
    this.#isTerminal = isTerminal;
    this.#resize = resize;
  }

  async feed(hands: AsyncIterator<SessionInput>): Promise<void> {
    for (let next = await hands.next(); next.done !== true; next = await hands.next()) {
      if (this.#isStopped) return;
      await this.#take(next.value);
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #take(input: SessionInput): Promise<void> {
    if (input.type === 'resize') {
      if (this.#isTerminal) await this.#resize(input);
    } else if (input.type === 'input') {
      await this.#write(input.data);
    } else if (this.#isTerminal) {
      await this.#write(END_OF_INPUT);
    } else {
      this.#stream.end();
    }
  }

  #write(data: Uint8Array): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve) => {
      // Not writable any more: the command has ended, or reads no more.
      if (stream.writable) stream.write(data, () => resolve());
      else resolve();
    });
  }
}

async function* readTerminal(stream: Duplex): AsyncGenerator<SessionOutput> {
  for await (const chunk of stream) yield { type: 'stdout', data: Buffer.from(chunk) };
}

async function* readFrames(stream: Duplex): AsyncGenerator<SessionOutput> {
  const frames = new FrameReader();
  for await (const chunk of stream) {
    for (const { stream: type, bytes } of frames.push(chunk)) yield { type, data: bytes };
  }
}
