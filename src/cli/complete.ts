import type { Argument, Command, Option } from 'commander';
import type { CubeClient } from '../client/cube-client.ts';
import { taskStates } from '../task/task-state.ts';
import type { CommandContext } from './command-context.ts';
import { connect } from './manager-options.ts';
import { optionValues } from './option-values.ts';
import { toPlainText } from './plain-text.ts';
import { createProgram } from './program.ts';
import { topOrders } from './top-screen.ts';

/** Left to the shell: the name of a file. */
const FILES = ':files';

/** A shell that waits is worse than one that knows nothing. */
const ASK_MS = 200;

/** Names of more tasks than this help nobody who presses tab. */
const TASK_COUNT_MAX = 1000;

interface Candidate {
  readonly word: string;
  readonly about: string;
}

type Candidates = readonly Candidate[] | typeof FILES;

/**
 * What may come next on a command line, for the scripts of `cube completion`: a candidate a line,
 * with a tab and what it is, or `:files`. Says nothing where it knows nothing, whatever the reason.
 *
 * @param words follow `cube`; the last is the one to complete, and may be empty.
 */
export async function complete(context: CommandContext, words: readonly string[]): Promise<void> {
  const [current = ''] = words.slice(-1);
  const before = words.slice(0, -1);
  const found = await find(context, before, current);
  if (found === FILES) {
    await context.io.stdout.write(`${FILES}\n`);
    return;
  }
  const lines = found
    .filter(({ word }) => word.startsWith(current))
    .map(({ word, about }) => `${word}\t${toPlainText(about).replaceAll('\t', ' ')}\n`);
  await context.io.stdout.write(lines.join(''));
}

async function find(
  context: CommandContext,
  before: readonly string[],
  current: string,
): Promise<Candidates> {
  const { program } = await createProgram(context, before);
  const [name, ...rest] = before;
  if (name === undefined) {
    return current.startsWith('-') ? optionsOf(program) : commandsOf(program);
  }
  const top = program.commands.find((one) => one.name() === name);
  if (top === undefined) return name === 'help' && rest.length === 0 ? commandsOf(program) : [];
  const { command, operands, flags, pending } = read(top, rest);
  const ask = new Asker(context, flags);
  if (pending !== undefined) return valuesOf(pending, ask);
  if (current.startsWith('-') && !before.includes('--')) return optionsOf(command);
  const own = operands.length === 0 ? commandsOf(command) : [];
  const operand = argumentAt(command, operands.length);
  if (operand === undefined) return own;
  const values = await valuesOf(operand, ask);
  return values === FILES || own.length === 0 ? values : [...own, ...values];
}

interface Reading {
  readonly command: Command;
  readonly operands: readonly string[];
  /** Values of the flags that say where the manager is. */
  readonly flags: { readonly manager?: string; readonly tokenFile?: string };
  /** An option whose value comes next. */
  readonly pending: Option | undefined;
}

/** Takes apart what stands before the word, as far as it matters for it. */
function read(top: Command, words: readonly string[]): Reading {
  let command = top;
  let pending: Option | undefined;
  const operands: string[] = [];
  const values = new Map<string, string>();
  let isOver = false;
  for (const word of words) {
    if (pending !== undefined) {
      values.set(pending.attributeName(), word);
      pending = undefined;
    } else if (isOver || !word.startsWith('-')) {
      const inner =
        operands.length === 0 ? command.commands.find((one) => one.name() === word) : undefined;
      if (inner === undefined) operands.push(word);
      else command = inner;
    } else if (word === '--') {
      isOver = true;
    } else {
      const option = command.options.find((one) => one.long === word || one.short === word);
      pending = option?.required === true ? option : undefined;
    }
  }
  const [manager, tokenFile] = [values.get('manager'), values.get('tokenFile')];
  const flags = {
    ...(manager === undefined ? {} : { manager }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
  };
  return { command, operands, flags, pending };
}

function commandsOf(command: Command): readonly Candidate[] {
  return command.commands.map((one) => ({ word: one.name(), about: one.description() }));
}

function optionsOf(command: Command): readonly Candidate[] {
  const own = command.options
    .filter((option) => !option.hidden)
    .map((option) => ({ word: option.long ?? option.short ?? '', about: option.description }));
  return [...own, { word: '--help', about: 'tell more of this command' }];
}

function argumentAt({ registeredArguments }: Command, index: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[index] ?? (last?.variadic === true ? last : undefined);
}

/** What an option or an argument wants, by the word that stands for it in the help. */
async function valuesOf(wish: Option | Argument, ask: Asker): Promise<Candidates> {
  const { argChoices } = wish;
  if (argChoices !== undefined) return argChoices.map(toCandidate);
  const fixed = 'long' in wish ? optionValues[wish.long ?? ''] : undefined;
  if (fixed !== undefined) return fixed.map(toCandidate);
  const name = 'flags' in wish ? (/[<[]([^\]>]+)/.exec(wish.flags)?.[1] ?? '') : wish.name();
  switch (name.replace('...', '')) {
    case 'task':
      return ask.tasks();
    case 'node':
      return ask.nodes();
    case 'task-or-node':
      return [...(await ask.tasks()), ...(await ask.nodes())];
    case 'state':
      return taskStates.map(toCandidate);
    case 'column':
      return topOrders.map(toCandidate);
    case 'file':
    case 'dir':
    case 'command':
      return FILES;
    default:
      return [];
  }
}

function toCandidate(word: string): Candidate {
  return { word, about: '' };
}

/** Asks the manager, within the time that a shell can wait. */
class Asker {
  readonly #context: CommandContext;
  readonly #flags: Reading['flags'];

  constructor(context: CommandContext, flags: Reading['flags']) {
    this.#context = context;
    this.#flags = flags;
  }

  tasks(): Promise<readonly Candidate[]> {
    return this.#ask(async (client) => {
      const states = ['running', 'scheduled', 'pending', 'failed'] as const;
      const { items } = await client.listPage({ states, limit: TASK_COUNT_MAX });
      const byName = new Map<string, Candidate>();
      for (const { spec, status } of items) {
        const where = status.node === undefined ? '' : ` on ${status.node}`;
        byName.set(spec.name, { word: spec.name, about: `${status.state}${where}` });
      }
      return [...byName.values()];
    });
  }

  nodes(): Promise<readonly Candidate[]> {
    return this.#ask(async (client) =>
      (await client.nodes()).map(({ name, liveness }) => ({ word: name, about: liveness })),
    );
  }

  async #ask(
    read: (client: CubeClient) => Promise<readonly Candidate[]>,
  ): Promise<readonly Candidate[]> {
    try {
      const { io } = this.#context;
      return await read(await connect(io, this.#flags, { timeoutMs: ASK_MS }));
    } catch {
      // A message in the middle of a command line that is being typed helps nobody.
      return [];
    }
  }
}
