import { InvalidArgumentError, Option } from 'commander';
import type { CliIo } from './cli-io.ts';
import { exitCodes } from './exit-codes.ts';

/** What every command is given. */
export interface CommandContext {
  readonly io: CliIo;
  /** What followed `--` on the command line of `cube run`. */
  readonly operands: readonly string[];
  /** The exit code of the command; 0 unless it says otherwise. One that it runs has its own. */
  exitCode: number;
}

export function createCommandContext(io: CliIo, operands: readonly string[]): CommandContext {
  return { io, operands, exitCode: exitCodes.ok };
}

/** An option with a value that may be given once only: two values would contradict each other. */
export function once(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, previous: unknown) => {
    if (previous !== undefined) throw new InvalidArgumentError('It is given twice.');
    return value;
  });
}

/** An option that may be given many times. */
export function repeated(flags: string, description: string): Option {
  return new Option(flags, description).argParser(
    (value: string, previous: readonly string[] | undefined) => [...(previous ?? []), value],
  );
}
