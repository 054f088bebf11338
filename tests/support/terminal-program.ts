import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IPty, spawn } from '@lydell/node-pty';
import { eventually } from './eventually.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const CUBE_COMMAND: readonly [string, string] = [
  join(root, 'node_modules', '.bin', 'node'),
  join(root, 'bin', 'cube.js'),
];

/** A program at a terminal, with somebody who types and reads. */
export class TerminalProgram implements Disposable {
  readonly #pty: IPty;
  #output = '';
  #exitCode: number | undefined;

  constructor(
    command: readonly [string, ...string[]],
    environment: Readonly<Record<string, string | undefined>> = {},
  ) {
    const [program, ...args] = command;
    this.#pty = spawn(program, args, {
      cols: 80,
      rows: 24,
      env: { ...process.env, NO_COLOR: '1', TERM: 'xterm', ...environment },
    });
    this.#pty.onData((text) => {
      this.#output += text;
    });
    this.#pty.onExit(({ exitCode, signal = 0 }) => {
      this.#exitCode = signal === 0 ? exitCode : 128 + signal;
    });
  }

  /** All that it has written, control sequences too. */
  get output(): string {
    return this.#output;
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows);
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#pty.kill(signal);
  }

  /** Waits for the text, or what fits the pattern, and forgets all up to it. */
  async until(text: string | RegExp): Promise<void> {
    const pattern =
      typeof text === 'string' ? new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : text;
    const look = (): boolean => {
      const match = pattern.exec(this.#output);
      if (match === null) return false;
      this.#output = this.#output.slice(match.index + match[0].length);
      return true;
    };
    await eventually(`${text} is written`, look).catch((cause: unknown) => {
      throw new Error(`Instead of ${text} came ${JSON.stringify(this.#output)}.`, { cause });
    });
  }

  async ended(): Promise<number> {
    return (
      (await eventually('its end', () => this.#exitCode !== undefined && [this.#exitCode]))[0] ?? -1
    );
  }

  [Symbol.dispose](): void {
    if (this.#exitCode === undefined) this.#pty.kill('SIGKILL');
  }
}
