import type { SessionOutput } from '../link/session.ts';

interface Waiting {
  readonly output: SessionOutput;
  readonly taken: () => void;
}

/**
 * The outputs of a command as one sequence, in the order in which they come. A source that has
 * pushed waits until it is told that its piece was taken, so that little is kept here.
 */
export class SessionOutputs implements AsyncIterable<SessionOutput> {
  readonly #waiting: Waiting[] = [];
  #end: { readonly error: unknown } | 'whole' | undefined;
  #wake: (() => void) | undefined;

  /** `taken` is called when whoever reads asks for the piece after this one. */
  push(output: SessionOutput, taken: () => void = () => undefined): void {
    this.#waiting.push({ output, taken });
    this.#wake?.();
  }

  /** What was pushed before is still read. */
  end(): void {
    this.#end ??= 'whole';
    this.#wake?.();
  }

  /** The reader gets the error next, and nothing else. */
  fail(error: unknown): void {
    this.#end = { error };
    this.#wake?.();
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SessionOutput, void, undefined> {
    for (;;) {
      if (typeof this.#end === 'object') throw this.#end.error;
      const next = this.#waiting.shift();
      if (next !== undefined) {
        yield next.output;
        next.taken();
      } else if (this.#end === 'whole') {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
