import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

/** The Node of the checkout. */
export const NODE: string = join(import.meta.dirname, '..', '..', 'node_modules', '.bin', 'node');

/** A program that answers each line of its input with one of its output, both JSON. */
export class LineChild implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #input: NodeJS.WritableStream;

  constructor(file: string, args: readonly string[]) {
    const child = spawn(file, [...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#input = child.stdin;
    const reader: Interface = createInterface({ input: child.stdout });
    this.#lines = reader[Symbol.asyncIterator]();
  }

  /** A program of this folder, on the Node of the checkout. */
  static ofNode(program: string, nodeFlags: readonly string[] = []): LineChild {
    return new LineChild(NODE, [...nodeFlags, join(import.meta.dirname, '..', program)]);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('The program could not be started.');
    return pid;
  }

  /** @throws Error, when it ends instead of answering. */
  async ask<Reply>(request: object): Promise<Reply> {
    this.#input.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('The program has ended without an answer; see above.');
    const reply: Reply = JSON.parse(value);
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** The other side: answers each line of the standard input. */
export async function serveLines<Request>(
  answer: (request: Request) => Promise<object>,
): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const request: Request = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(await answer(request))}\n`);
  }
}
