/**
 * A checker that stands in front of `JSON.parse`. It reads the text once, in linear time and with
 * bounded depth, and tells the first thing that is wrong with its exact place, which
 * `JSON.parse` does not always do. What it lets pass, `JSON.parse` reads.
 */

export interface JsonLimits {
  /** How many arrays and objects may lie within each other. */
  readonly depthMax: number;
  /** How many items an array, or fields an object, may have. */
  readonly itemCountMax: number;
}

export interface JsonFault {
  /** `syntax`: not JSON at all. The others: JSON, but not what a careful reader takes. */
  readonly kind: 'syntax' | 'depth' | 'items' | 'key' | 'duplicate' | 'number';
  /** Index into the text. */
  readonly position: number;
  /** What is wanted there, in words. */
  readonly want: string;
  /** The fields and indices that lead to the place. */
  readonly path: readonly (string | number)[];
}

/** Keys that would reach an object's prototype. */
const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'prototype', 'constructor']);

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
/** Up to the first quote, backslash or control character, which JSON does not allow. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in strings.
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const LITERALS = ['true', 'false', 'null'] as const;

/** The first fault of `text` as one JSON document within `limits`, or undefined. */
export function findJsonFault(text: string, limits: JsonLimits): JsonFault | undefined {
  return new JsonScanner(text, limits).scan();
}

/** Thrown and caught in this file alone, to leave the recursion. */
class Found extends Error {
  readonly fault: JsonFault;

  constructor(fault: JsonFault) {
    super(fault.want);
    this.fault = fault;
  }
}

class JsonScanner {
  readonly #text: string;
  readonly #limits: JsonLimits;
  readonly #path: (string | number)[] = [];
  #position = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  scan(): JsonFault | undefined {
    try {
      this.#value();
      this.#skip(SPACE);
      if (this.#position < this.#text.length) {
        this.#fail('syntax', 'the end, since one document is complete here');
      }
      return undefined;
    } catch (error) {
      if (error instanceof Found) return error.fault;
      throw error;
    }
  }

  #value(): void {
    this.#skip(SPACE);
    const character = this.#text[this.#position];
    if (character === '{') this.#nested(() => this.#fields());
    else if (character === '[') this.#nested(() => this.#items());
    else if (character === '"') this.#string();
    else if (character === '-' || (character !== undefined && character >= '0' && character <= '9'))
      this.#number();
    else this.#literal();
  }

  #nested(read: () => void): void {
    if (this.#path.length >= this.#limits.depthMax) {
      this.#fail('depth', `at most ${this.#limits.depthMax} levels of nesting`);
    }
    this.#position += 1;
    read();
  }

  #fields(): void {
    if (this.#skips('}')) return;
    const seen = new Set<string>();
    do {
      this.#skip(SPACE);
      const start = this.#position;
      if (this.#text[start] !== '"') this.#fail('syntax', 'a field name in double quotes');
      this.#string();
      const key: string = JSON.parse(this.#text.slice(start, this.#position));
      this.#path.push(key);
      this.#checkKey(key, start, seen);
      if (!this.#skips(':')) this.#fail('syntax', '":" after the field name');
      this.#value();
      this.#path.pop();
      this.#checkCount(seen.size);
    } while (this.#skips(','));
    if (!this.#skips('}')) this.#fail('syntax', '"," or "}"');
  }

  #checkKey(key: string, start: number, seen: Set<string>): void {
    if (PROTOTYPE_KEYS.has(key)) {
      this.#position = start;
      this.#fail('key', 'another name: this one is reserved by the language');
    }
    if (seen.has(key)) {
      this.#position = start;
      this.#fail('duplicate', 'each field once');
    }
    seen.add(key);
  }

  #items(): void {
    if (this.#skips(']')) return;
    let count = 0;
    do {
      this.#path.push(count);
      this.#value();
      this.#path.pop();
      count += 1;
      this.#checkCount(count);
    } while (this.#skips(','));
    if (!this.#skips(']')) this.#fail('syntax', '"," or "]"');
  }

  #checkCount(count: number): void {
    const { itemCountMax } = this.#limits;
    if (count > itemCountMax) this.#fail('items', `at most ${itemCountMax} items`);
  }

  #string(): void {
    this.#position += 1;
    for (;;) {
      this.#skip(PLAIN);
      const character = this.#text[this.#position];
      if (character === '"') break;
      if (character === undefined) this.#fail('syntax', 'the closing quote of a string');
      if (character !== '\\') this.#fail('syntax', 'no raw control character within a string');
      if (!this.#skip(ESCAPE)) this.#fail('syntax', 'an escape such as \\n or \\u00e9');
    }
    this.#position += 1;
  }

  #number(): void {
    const start = this.#position;
    if (!this.#skip(NUMBER)) this.#fail('syntax', 'a number');
    if (Number.isFinite(Number(this.#text.slice(start, this.#position)))) return;
    this.#position = start;
    this.#fail('number', 'a number that can be held: it is out of range');
  }

  #literal(): void {
    const literal = LITERALS.find((word) => this.#text.startsWith(word, this.#position));
    if (literal === undefined) this.#fail('syntax', 'a value');
    this.#position += literal.length;
  }

  /** Passes over white space and `character`, if that comes next. */
  #skips(character: string): boolean {
    this.#skip(SPACE);
    if (this.#text[this.#position] !== character) return false;
    this.#position += 1;
    return true;
  }

  /** Passes over what `pattern` matches; false when that is nothing. */
  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#position;
    if (!pattern.test(this.#text)) return false;
    const moved = pattern.lastIndex > this.#position;
    this.#position = pattern.lastIndex;
    return moved;
  }

  #fail(kind: JsonFault['kind'], want: string): never {
    throw new Found({ kind, want, position: this.#position, path: [...this.#path] });
  }
}
