import { type Environment, readEnvironment } from '../config/environment.ts';
import { type Clock, foregroundClock } from '../lib/clock.ts';
import { type Random, systemRandom } from '../lib/random.ts';
import { exitCodes } from './exit-codes.ts';

export interface Output {
  readonly isTerminal: boolean;
  /** Of the terminal; undefined where there is none. */
  readonly columns: number | undefined;
  /** Resolves when there is room for more. */
  write(text: string): Promise<void>;
}

interface Input {
  readonly isTerminal: boolean;
  read(): AsyncIterable<Uint8Array>;
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
  readonly fetch: typeof globalThis.fetch;
  /** Takes over the signals until it is disposed of; before and after, they just end the process. */
  watchInterrupt(): Interrupt;
}

/** The real process. */
export function createProcessIo(): CliIo {
  return {
    stdin: {
      isTerminal: process.stdin.isTTY === true,
      read: () => process.stdin,
    },
    stdout: createOutput(process.stdout),
    stderr: createOutput(process.stderr),
    environment: readEnvironment(),
    clock: foregroundClock,
    random: systemRandom,
    fetch: (...args) => globalThis.fetch(...args),
    watchInterrupt,
  };
}

const WIDTH_DEFAULT = 80;

function createOutput(stream: NodeJS.WriteStream): Output {
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
