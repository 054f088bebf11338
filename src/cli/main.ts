import type { CommanderError } from 'commander';
import { describeUnknownVariables } from '../config/environment.ts';
import { type CliIo, createProcessIo } from './cli-io.ts';
import { type CommandContext, createCommandContext } from './command-context.ts';
import { exitCodes } from './exit-codes.ts';
import { printError } from './print-error.ts';
import { createProgram } from './program.ts';

/** Runs the command line of this process, and sets its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await runCli(argv, createProcessIo());
}

/**
 * Runs one command line.
 *
 * @param argv begins with the command's name.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  if (argv[0] === '__complete') {
    // What a shell asks at each tab: no command, and never an error.
    const { complete } = await import('./complete.ts');
    const words = argv[1] === '--' ? argv.slice(2) : argv.slice(1);
    await complete(createCommandContext(io, []), words);
    return exitCodes.ok;
  }
  const { own, operands } = splitOperands(argv);
  const context = createCommandContext(io, operands);
  for (const warning of describeUnknownVariables(io.environment)) {
    await io.stderr.write(`cube: ${warning}\n`);
  }
  try {
    await parse(own, context);
    return context.exitCode;
  } catch (error) {
    if (isCommanderError(error)) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    return await printError(io, error, own.includes('--json'));
  }
}

async function parse(argv: readonly string[], context: CommandContext): Promise<void> {
  const { program, flush } = await createProgram(context, argv);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } finally {
    await flush();
  }
}

/** For `cube run` and `cube plan`, `--` parts the files from the command to run; elsewhere it is nothing special. */
function splitOperands(argv: readonly string[]): {
  readonly own: readonly string[];
  readonly operands: readonly string[];
} {
  const place = argv.indexOf('--');
  const takesOperands = argv[0] === 'run' || argv[0] === 'plan';
  if (!takesOperands || place === -1) return { own: argv, operands: [] };
  return { own: argv.slice(0, place), operands: argv.slice(place + 1) };
}

/** Recognised by shape, so that it is not loaded only for this. */
function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
}
