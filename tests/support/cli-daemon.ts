import { type CliOptions, type CliResult, cli } from './cli.ts';
import { eventually } from './eventually.ts';

/** A command that runs until it is told to end, in this process. */
export interface CliDaemon extends AsyncDisposable {
  /** What it has written as JSON once it served. */
  readonly greeting: Readonly<Record<string, unknown>>;
  readonly url: string;
  /** Tells it to end, as Ctrl-C does, and waits until it has. */
  end(): Promise<CliResult>;
}

/**
 * Starts `cube ARGV --json` and waits until it serves.
 *
 * @throws Error with what it wrote, when it ends before.
 */
export async function startCliDaemon(
  argv: readonly string[],
  options: Omit<CliOptions, 'interrupt' | 'onOutput'> = {},
): Promise<CliDaemon> {
  const abort = new AbortController();
  let stdout = '';
  let early: CliResult | undefined;
  const running = cli([...argv, '--json'], {
    ...options,
    interrupt: abort.signal,
    onOutput: (text) => {
      stdout += text;
    },
  }).then((result) => {
    early = result;
    return result;
  });
  const greeting = await eventually(`cube ${argv[0]} serves`, async () => {
    if (early !== undefined) throw new Error(`It ended with ${early.exitCode}: ${early.stderr}`);
    return stdout.endsWith('\n') ? JSON.parse(stdout) : undefined;
  });
  const end = async (): Promise<CliResult> => {
    abort.abort();
    return await running;
  };
  return {
    greeting,
    url: greeting.url,
    end,
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}
