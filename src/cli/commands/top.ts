import type { Command } from 'commander';
import type { CubeClient } from '../../client/cube-client.ts';
import { CubeError, messageOf } from '../../errors/cube-error.ts';
import { quoteText } from '../../errors/describe-value.ts';
import type { Clock } from '../../lib/clock.ts';
import type { TaskState } from '../../task/task-state.ts';
import type { CliIo } from '../cli-io.ts';
import { createColors } from '../colors.ts';
import { type CommandContext, once } from '../command-context.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import {
  layOutTop,
  orderKeys,
  type TopOrder,
  type TopView,
  topOrders,
  topRows,
} from '../top-screen.ts';

interface TopFlags extends ManagerFlags {
  readonly once?: boolean;
  readonly sort?: string;
}

/** Looks that take long are taken less often. */
const REFRESH_MS = 2000;
const REFRESH_SHARE = 5;

const UNFINISHED: readonly TaskState[] = ['pending', 'scheduled', 'running'];

const HELP = `
Nodes with their measured use, and every unfinished task with its own: processor in hundredths of a
core, and memory. Keys: q quits, the arrows scroll, and c, m, n, o, s, r sort by processor, memory,
name, node, state and restarts. Where there is no terminal, or with --once, it is shown once.

Examples:
  cube top
  cube top --sort memory
  cube top --once | head -20
  cube top --json | jq '.tasks[0]'`;

/** `cube top`: what uses how much, as it changes. */
export function defineTop(program: Command, context: CommandContext): void {
  const command = program
    .command('top')
    .description('watch what nodes and tasks use')
    .option('--once', 'show it once and end')
    .addOption(once('--sort <column>', `sort by ${topOrders.join(', ')} (default: cpu)`));
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (flags: TopFlags) => {
    const { io } = context;
    const order = flags.sort === undefined ? 'cpu' : parseOrder(flags.sort);
    const client = await connect(io, flags);
    const view = await look(client, io.clock);
    if (flags.json === true) {
      const rows = topRows(view, order).map(({ task, cpu, memory }) => ({ task, cpu, memory }));
      await io.stdout.write(toJson({ nodes: view.nodes, tasks: rows, silent: view.usage.silent }));
    } else if (flags.once === true || !io.stdout.isTerminal || !io.stdin.isTerminal) {
      const colors = createColors(io.stdout, io.environment);
      const lines = layOutTop(view, { order, colors, offset: 0 });
      await io.stdout.write(`${lines.join('\n')}\n`);
    } else {
      await watch(io, client, { view, order });
    }
  });
}

function parseOrder(text: string): TopOrder {
  const order = topOrders.find((one) => one === text);
  if (order !== undefined) return order;
  throw new CubeError('configuration', `--sort ${quoteText(text)} is no column to sort by.`, {
    hint: `Want one of ${topOrders.join(', ')}.`,
  });
}

async function look(client: CubeClient, clock: Clock, signal?: AbortSignal): Promise<TopView> {
  const call = signal === undefined ? {} : { signal };
  const [nodes, usage, tasks] = await Promise.all([
    client.nodes(call),
    client.usage(call),
    Array.fromAsync(client.list({ states: UNFINISHED }, call)),
  ]);
  return { nodes, usage, tasks, now: clock.now() };
}

/** The screen that stays, until somebody has seen enough. */
async function watch(
  io: CliIo,
  client: CubeClient,
  first: { readonly view: TopView; readonly order: TopOrder },
): Promise<void> {
  const over = new AbortController();
  using interrupt = io.watchInterrupt();
  const end = (): void => over.abort();
  interrupt.signal.addEventListener('abort', end, { once: true });
  using _screen = io.stdout.openScreen();
  using _keys = io.stdin.takeKeys();
  const screen = new Screen(io, first);
  using _resize = io.stdout.onResize(() => screen.draw());
  screen.draw();
  const refreshing = refresh(io.clock, over.signal, async (signal) => {
    screen.show(await look(client, io.clock, signal).catch((error: unknown) => messageOf(error)));
  });
  try {
    for await (const chunk of io.stdin.read(over.signal)) {
      if (!screen.press(Buffer.from(chunk).toString())) break;
    }
  } finally {
    over.abort();
    await refreshing;
  }
}

/** q, Ctrl-C and Ctrl-D. */
const ENDING = ['q', '\u0003', '\u0004'];

/** What is on the terminal, and how it answers to keys. */
class Screen {
  readonly #io: CliIo;
  #view: TopView;
  #order: TopOrder;
  #offset = 0;
  #problem: string | undefined;

  constructor(io: CliIo, { view, order }: { readonly view: TopView; readonly order: TopOrder }) {
    this.#io = io;
    this.#view = view;
    this.#order = order;
  }

  /** A new look, or why there is none. */
  show(seen: TopView | string): void {
    this.#problem = typeof seen === 'string' ? seen : undefined;
    if (typeof seen !== 'string') this.#view = seen;
    this.draw();
  }

  /** False for the key that ends it. */
  press(keys: string): boolean {
    if (ENDING.some((key) => keys.includes(key))) return false;
    const page = (this.#io.stdout.rows ?? 24) / 2;
    const steps: Readonly<Record<string, number>> = {
      '\u001b[A': -1,
      k: -1,
      '\u001b[B': 1,
      j: 1,
      '\u001b[5~': -page,
      '\u001b[6~': page,
    };
    const offset = this.#offset + Math.trunc(steps[keys] ?? 0);
    this.#offset = Math.max(0, Math.min(offset, this.#view.tasks.length - 1));
    this.#order = orderKeys[keys] ?? this.#order;
    this.draw();
    return true;
  }

  draw(): void {
    const { stdout, environment } = this.#io;
    const size = { columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 };
    const lines = layOutTop(this.#view, {
      order: this.#order,
      offset: this.#offset,
      size,
      colors: createColors(stdout, environment),
      problem: this.#problem,
    });
    // From the upper left corner, each line cleared to its end: nothing flickers.
    void stdout.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`);
  }
}

async function refresh(
  clock: Clock,
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { sleep } = await import('../../lib/clock.ts');
  let pauseMs = REFRESH_MS;
  while (!signal.aborted) {
    await sleep(clock, pauseMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const startedAt = clock.monotonic();
    await act(signal);
    pauseMs = Math.max(REFRESH_MS, REFRESH_SHARE * (clock.monotonic() - startedAt));
  }
}
