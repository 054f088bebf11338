import { writeSync } from 'node:fs';
import type { Fetch } from '../client/connection.ts';
import { type Environment, readEnvironment } from '../config/environment.ts';
import { type Clock, foregroundClock } from '../lib/clock.ts';
import { type Random, systemRandom } from '../lib/random.ts';
import { exitCodes } from './exit-codes.ts';
import { nodeFetch } from './node-fetch.ts';

export interface Output {
  readonly isTerminal: boolean;
  /** Of the terminal; undefined where there is none. */
  readonly columns: number | undefined;
  readonly rows: number | undefined;
  /** Resolves when there is room for more. */
  write(text: string | Uint8Array): Promise<void>;
  /** Told when the terminal has another size, until it is disposed of. */
  onResize(listener: () => void): Disposable;
  /**
   * Gives the terminal a second screen, without a cursor, until it is disposed of or the process
   * ends in whatever way it can still do something about.
   */
  openScreen(): Disposable;
}

interface Input {
  readonly isTerminal: boolean;
  /** Until its end. Once the signal is aborted there is nothing more to be had from it. */
  read(signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** At a terminal: keys come one by one and as they are, Ctrl-C too, until it is disposed of. */
  takeKeys(): Disposable;
}

/** A wish to end: by Ctrl-C, by a service manager, or because the terminal is gone. */
export interface Interrupt extends Disposable {
  /** Aborted by the first of them. The second ends the process at once. */
  readonly signal: AbortSignal;
}

/** All that a command touches of the process that it runs in. */
export interface CliIo {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: Fetch;
  /** Takes over the signals until it is disposed of; before and after, they just end the process. */
  watchInterrupt(): Interrupt;
}

/** The real process. */
export function createProcessIo(): CliIo {
  return {
    // Opened when it is asked for, since most commands never do.
    stdin: {
      get isTerminal() {
        return process.stdin.isTTY === true;
      },
      read: readInput,
      takeKeys,
    },
    stdout: createOutput(process.stdout, 1),
    stderr: createOutput(process.stderr, 2),
    environment: readEnvironment(),
    clock: foregroundClock,
    random: systemRandom,
    fetch: nodeFetch,
    watchInterrupt,
  };
}

const WIDTH_DEFAULT = 80;
const HEIGHT_DEFAULT = 24;

async function* readInput(signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const { stdin } = process;
  // Nothing else lets the process end while a terminal could still say something.
  const onAbort = (): void => void stdin.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const chunk of stdin) yield Buffer.from(chunk);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function takeKeys(): Disposable {
  const { stdin } = process;
  if (!stdin.isTTY) return { [Symbol.dispose]: () => undefined };
  stdin.setRawMode(true);
  return {
    [Symbol.dispose]: () => {
      if (!stdin.destroyed) stdin.setRawMode(false);
    },
  };
}

/** The alternate screen, without wrapping and cursor; and back. */
const SCREEN_ON = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const SCREEN_OFF = '\u001b[?7h\u001b[?25h\u001b[?1049l';

function openScreen(descriptor: number): Disposable {
  let isOpen = true;
  // The last thing that a process does cannot wait, so this is written at once.
  const restore = (): void => {
    if (!isOpen) return;
    isOpen = false;
    process.off('exit', restore);
    writeSync(descriptor, SCREEN_OFF);
  };
  process.on('exit', restore);
  writeSync(descriptor, SCREEN_ON);
  return { [Symbol.dispose]: restore };
}

function createOutput(stream: NodeJS.WriteStream, descriptor: number): Output {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read this has seen enough (`cube status | head -1`).
    if (error.code === 'EPIPE') process.exit(exitCodes.ok);
    throw error;
  });
  return {
    isTerminal: stream.isTTY === true,
    get columns() {
      // A terminal that does not know its width says 0.
      return stream.isTTY === true ? stream.columns || WIDTH_DEFAULT : undefined;
    },
    get rows() {
      return stream.isTTY === true ? stream.rows || HEIGHT_DEFAULT : undefined;
    },
    onResize: (listener) => {
      stream.on('resize', listener);
      return { [Symbol.dispose]: () => void stream.off('resize', listener) };
    },
    openScreen: () => openScreen(descriptor),
    write: (text) =>
      new Promise((resolve) => {
        if (stream.write(text)) resolve();
        else stream.once('drain', resolve);
      }),
  };
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function watchInterrupt(): Interrupt {
  const abort = new AbortController();
  const onSignal = (name: string): void => {
    if (abort.signal.aborted) process.exit(exitCodes.interrupted);
    abort.abort(new Error(`Interrupted by ${name}.`));
  };
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: abort.signal,
    [Symbol.dispose]() {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
