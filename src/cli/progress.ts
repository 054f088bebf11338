import type { CliIo } from './cli-io.ts';
import { createColors } from './colors.ts';
import { shorten, toPlainLines, toPlainText } from './plain-text.ts';

const LINE_COUNT_MAX = 10;

/**
 * What goes on while a command waits, on the error output: one line for each thing that is waited
 * for, which on a terminal changes in place, and else is printed whenever it changes.
 */
export class Progress {
  readonly #io: CliIo;
  readonly #lines = new Map<string, string>();
  /** Lines on the terminal that may be written over. */
  #drawnCount = 0;

  constructor(io: CliIo) {
    this.#io = io;
  }

  /** @param key tells what is waited for; @param text what it is doing. */
  async show(key: string, text: string): Promise<void> {
    const plain = toPlainText(text);
    if (this.#lines.get(key) === plain) return;
    this.#lines.set(key, plain);
    await this.#io.stderr.write(this.#io.stderr.isTerminal ? this.#redraw() : `${plain}\n`);
  }

  /** Says something that stays, of one or more lines. */
  async say(text: string): Promise<void> {
    const plain = `${toPlainLines(text).join('\n')}\n`;
    await this.#io.stderr.write(this.#redraw(plain));
  }

  /** Takes a thing that is no longer waited for off the terminal. */
  async end(key: string): Promise<void> {
    this.#lines.delete(key);
    await this.#io.stderr.write(this.#redraw());
  }

  /** Leaves the terminal to somebody else, until the next change. */
  async clear(): Promise<void> {
    await this.#io.stderr.write(this.#erase());
  }

  /** In one piece, so that what several waits say never mixes. */
  #redraw(above = ''): string {
    const { stderr, environment } = this.#io;
    if (!stderr.isTerminal) return above;
    const erase = this.#erase();
    const colors = createColors(stderr, environment);
    const width = (stderr.columns ?? 80) - 1;
    // More lines than this would scroll away and could not be written over.
    const lines = [...this.#lines.values()].slice(-LINE_COUNT_MAX);
    this.#drawnCount = lines.length;
    const drawn = lines.map((line) => `${colors.dim(shorten(line, width))}\n`);
    return erase + above + drawn.join('');
  }

  #erase(): string {
    if (this.#drawnCount === 0) return '';
    const text = `\u001b[${this.#drawnCount}A\u001b[0J`;
    this.#drawnCount = 0;
    return text;
  }
}
