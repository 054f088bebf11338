import { createHash } from 'node:crypto';

/**
 * What happens in a run, in order. A hash over all of it says whether two runs were the same; the
 * lines themselves are kept only where somebody wants to read them.
 */
export class History {
  /** With the virtual time in milliseconds in front; empty unless traced. */
  readonly lines: string[] = [];
  readonly isTraced: boolean;
  /** How many things have happened. */
  stepCount = 0;
  readonly #now: () => number;
  readonly #hash = createHash('sha256');

  constructor(isTraced: boolean, now: () => number) {
    this.isTraced = isTraced;
    this.#now = now;
  }

  /** Something that happened. */
  record(what: string): void {
    this.digestOnly(what);
    this.say(what);
  }

  /** Something that happened, too often to be read. */
  digestOnly(what: string): void {
    this.stepCount += 1;
    this.#hash.update(`${this.#now()} ${what}\n`);
  }

  /** Something for people to read, which is no part of the run. */
  say(what: string): void {
    if (this.isTraced) this.lines.push(`${Math.round(this.#now())} ${what}`);
  }

  /** Of all that was recorded so far. */
  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }
}
