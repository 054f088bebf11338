import type { CliIo, Interrupt, Output } from '../../src/cli/cli-io.ts';
import { runCli } from '../../src/cli/main.ts';
import { nodeFetch } from '../../src/cli/node-fetch.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';

export interface CliOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Given on the standard input. */
  readonly input?: string;
  /** Typed on the terminal, when something is asked. */
  readonly answer?: string;
  /** The width of the terminal; without it there is none. */
  readonly columns?: number;
  readonly clock?: Clock;
  readonly interrupt?: AbortSignal;
  /** Told of what comes on the standard output as it comes. */
  readonly onOutput?: (text: string) => void;
}

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** When everything in these tests happens. */
const CLI_NOW = Date.parse('2026-01-02T03:05:05.000Z');

/** The machine's clock, at a fixed wall time. */
const cliClock: Clock = { ...systemClock, now: () => CLI_NOW };

/** Everything around a command, made up. */
export function cliIo(
  options: CliOptions = {},
  onWritten: (name: 'stdout' | 'stderr', text: string) => void = () => undefined,
): CliIo {
  const outputFor = (name: 'stdout' | 'stderr'): Output => ({
    isTerminal: options.columns !== undefined,
    columns: options.columns,
    rows: options.columns === undefined ? undefined : 24,
    onResize: () => ({ [Symbol.dispose]: () => undefined }),
    openScreen: () => ({ [Symbol.dispose]: () => undefined }),
    write: async (text) => {
      onWritten(name, typeof text === 'string' ? text : Buffer.from(text).toString());
    },
  });
  return {
    stdin: {
      isTerminal: options.input === undefined,
      takeKeys: () => ({ [Symbol.dispose]: () => undefined }),
      async *read() {
        const text = options.input ?? options.answer;
        if (text !== undefined) yield Buffer.from(text);
      },
    },
    stdout: outputFor('stdout'),
    stderr: outputFor('stderr'),
    environment: { NO_COLOR: '1', ...options.environment },
    clock: options.clock ?? cliClock,
    random: systemRandom,
    fetch: nodeFetch,
    watchInterrupt: (): Interrupt => ({
      signal: options.interrupt ?? new AbortController().signal,
      [Symbol.dispose]: () => undefined,
    }),
  };
}

/** Runs one command line with everything around it made up. */
export async function cli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const written = { stdout: '', stderr: '' };
  const io = cliIo(options, (name, text) => {
    written[name] += text;
    if (name === 'stdout') options.onOutput?.(text);
  });
  const exitCode = await runCli(argv, io);
  return { exitCode, ...written };
}
