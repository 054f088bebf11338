import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Where the product's code is, be it sources or the build. */
const PRODUCT = fileURLToPath(new URL('../../', import.meta.url));
const SIMULATION = fileURLToPath(new URL('../', import.meta.url));

/**
 * What would bring real time or real chance into a run. `setImmediate` is not among them: it is
 * how a run lets everything go on that needs no time.
 */
const doors: readonly (readonly [owner: object, names: readonly string[]])[] = [
  [globalThis, ['setTimeout', 'setInterval', 'fetch']],
  [Math, ['random']],
  [performance, ['now']],
  [process, ['hrtime']],
  [AbortSignal, ['timeout']],
  [crypto, ['randomUUID', 'randomBytes', 'randomInt']],
  [globalThis.crypto, ['randomUUID', 'getRandomValues']],
];

/**
 * Watches, until it is disposed of, whether the product's own code asks the real world for time or
 * chance, and whether a rejection goes unhandled; either makes a run worthless. What others in the
 * same thread do, such as a test runner, is let pass.
 */
export class RealWorldGuard implements Disposable {
  readonly #found = new Set<string>();
  readonly #restore: (() => void)[] = [];
  readonly #onRejection = (reason: unknown): void => {
    const words = reason instanceof Error ? (reason.stack ?? String(reason)) : String(reason);
    this.#found.add(`[no-crash] nobody handled: ${words}`);
  };

  constructor() {
    for (const [owner, names] of doors) for (const name of names) this.#watchCalls(owner, name);
    this.#replace(globalThis, 'Date', this.#watchedDate());
    syncBuiltinESMExports();
    process.on('unhandledRejection', this.#onRejection);
  }

  get violations(): readonly string[] {
    return [...this.#found];
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore.reverse()) restore();
    syncBuiltinESMExports();
    process.off('unhandledRejection', this.#onRejection);
  }

  #watchCalls(owner: object, name: string): void {
    const original: unknown = Reflect.get(owner, name);
    if (typeof original !== 'function') return;
    const apply = (target: typeof original, self: unknown, values: unknown[]): unknown => {
      this.#onAsked(name);
      return Reflect.apply(target, self, values);
    };
    this.#replace(owner, name, new Proxy(original, { apply }));
  }

  /** A date of a given time is no question; the present one is. */
  #watchedDate(): DateConstructor {
    const now = (): number => {
      this.#onAsked('Date.now');
      return original.now();
    };
    const original = Date;
    const watched: DateConstructor = new Proxy(original, {
      get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
      construct: (target, values, newTarget) => {
        if (values.length === 0) this.#onAsked('new Date');
        return Reflect.construct(target, values, newTarget === watched ? target : newTarget);
      },
    });
    return watched;
  }

  #replace(owner: object, name: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { value, configurable: true, writable: true });
    this.#restore.push(() => {
      if (before === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, before);
    });
  }

  #onAsked(what: string): void {
    const place = placeOfCall();
    if (place !== undefined) this.#found.add(`[deterministic] ${what} was asked for ${place}`);
  }
}

/** Where in the product's code the call comes from; undefined when it comes from elsewhere. */
function placeOfCall(): string | undefined {
  const lines = new Error().stack?.split('\n').slice(1) ?? [];
  const place = lines.find(
    (line) => !line.includes('real-world-guard') && !/\(node:|node_modules|<anonymous>/.test(line),
  );
  const isOurs = place?.includes(PRODUCT) === true && !place.includes(SIMULATION);
  return isOurs ? place.trim() : undefined;
}
