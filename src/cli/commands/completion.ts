import { Argument, type Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { type CompletionShell, completionScripts } from '../completion-scripts.ts';

const HELP = `
Commands and flags are completed at once; names of tasks and nodes are asked of the manager, which
has 200 ms to tell them.

Examples:
  source <(cube completion bash)                                   # in ~/.bashrc
  source <(cube completion zsh)                                    # in ~/.zshrc, after compinit
  cube completion fish > ~/.config/fish/completions/cube.fish`;

/** `cube completion`: a script for a shell, which asks `cube __complete` at each tab. */
export function defineCompletion(program: Command, context: CommandContext): void {
  const shell = new Argument('<shell>', 'the shell').choices(Object.keys(completionScripts));
  program
    .command('completion')
    .description('print a script that completes command lines of bash, zsh or fish')
    .addArgument(shell)
    .addHelpText('after', HELP)
    .action(async (name: CompletionShell) => {
      await context.io.stdout.write(completionScripts[name]);
    });
}
