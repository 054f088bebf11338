import fc from 'fast-check';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Values that inputs are not ready for, each small enough to be sent thousands of times. */
export const extremes: readonly Json[] = [
  ...[null, true, false, 0, -1, 0.5, 1e9, 1e308, 2 ** 53, -0, 65_536],
  ...['', ' ', '\u0000', '\ud800', '🚀', '\u202eab', '\ufeff', 'e\u0301', '\r\n', '\u001b[2J'],
  ...['__proto__', 'constructor', '../..', '%00', '5', '-1s', '1e9h', '0x40', 'NaN', 'true'],
  ...['a'.repeat(5000), '1'.repeat(400), 'A=b', '$(reboot)', "';--", 'null'],
  ...[[], {}, [[]], [null], { a: 1 }, { secret: 'x' }, ['x', 'x'], { length: 1e9 }],
];

/** Values that are right in one place or another. */
const plausible: readonly Json[] = ['x', 'a == b', '5s', '64MiB', 1, 80, 0.25, '/x', 'always', []];

/** What can be done to one place of a value. */
const kinds = [
  'drop',
  'replace',
  'rename',
  'insert',
  'nest',
  'repeat',
  'retype',
  'recase',
] as const;

type Kind = (typeof kinds)[number];

const valueToPut = fc.oneof(fc.constantFrom(...extremes), fc.constantFrom(...plausible));

/** Changes of `seeds`: one to three at random places, also several levels below one another. */
export function mutated(seeds: readonly Json[]): fc.Arbitrary<Json> {
  const one = fc.tuple(fc.nat(), fc.constantFrom(...kinds), valueToPut);
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(one, { minLength: 1, maxLength: 3 }))
    .map(([seed, changes]) =>
      changes.reduce<Json>((value, [at, kind, extreme]) => {
        const places = placesOf(value);
        return changed(value, places[at % places.length] ?? [], [kind, extreme]);
      }, seed),
    );
}

/** Changes of `seeds` as text, which can say what no value can: keys twice, cut, garbage. */
export function mutatedText(seeds: readonly Json[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(
      mutated(seeds),
      fc.nat(),
      fc.constantFrom(
        ...['{', '}', ']', ',', ':', '"', '\\', '\u0000', '1e999', '-', '0', 'nul'],
        ...['"name":"b",', '"__proto__":{"x":1},', '"prototype":1,', '\\ud800', '[[[[', '//'],
      ),
      fc.constantFrom<'cut' | 'insert' | 'byte' | 'double' | 'utf16'>(
        ...(['cut', 'insert', 'insert', 'byte', 'double', 'utf16'] as const),
      ),
    )
    .map(([value, at, piece, kind]) => {
      const text = JSON.stringify(value);
      const index = at % (text.length + 1);
      if (kind === 'cut') return Buffer.from(text.slice(0, index));
      if (kind === 'insert') return Buffer.from(text.slice(0, index) + piece + text.slice(index));
      if (kind === 'double') return Buffer.from(text + piece + text);
      if (kind === 'utf16') return Buffer.from(text, 'utf16le');
      const bytes = Buffer.from(text);
      bytes[index % bytes.length] = at % 256;
      return bytes;
    });
}

/** Every place in a value, as the path that leads there. */
function placesOf(value: Json, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...inner.flatMap(([key, one]) => placesOf(one, [...path, key]))];
}

function changed(root: Json, path: readonly (string | number)[], how: [Kind, Json]): Json {
  const copy = structuredClone(root);
  const [step, ...rest] = path;
  if (step === undefined) return changedWhole(copy, how);
  const holder = Object(copy) as Record<string | number, Json>;
  if (rest.length > 0) {
    // What was renamed before may hide behind an accessor of the language, such as `__proto__`.
    set(holder, step, changed(ownValue(holder, step), rest, how));
    return copy;
  }
  return Array.isArray(copy)
    ? changedItem(copy, Number(step), how)
    : changedField(holder, String(step), how);
}

function changedWhole(copy: Json, [kind, value]: [Kind, Json]): Json {
  if (kind === 'replace') return value;
  if (kind === 'nest') return { ...Object(copy), copy };
  return kind === 'repeat' ? [copy, copy] : copy;
}

function changedItem(list: Json[], index: number, [kind, value]: [Kind, Json]): Json {
  const before = list[index] ?? null;
  if (kind === 'drop') list.splice(index, 1);
  else if (kind === 'insert') list.splice(index, 0, value);
  else if (kind === 'nest') list[index] = structuredClone(list);
  else if (kind === 'repeat') list.splice(index, 0, before, before);
  else list[index] = kind === 'retype' ? retyped(before) : value;
  return list;
}

function changedField(
  holder: Record<string, Json>,
  step: string,
  [kind, value]: [Kind, Json],
): Json {
  const before = ownValue(holder, step);
  const name = typeof value === 'string' ? value : `${step}x`;
  if (kind === 'drop' || kind === 'rename' || kind === 'recase') delete holder[step];
  if (kind === 'rename') set(holder, name, before);
  if (kind === 'recase')
    set(holder, step === step.toUpperCase() ? step.toLowerCase() : step.toUpperCase(), before);
  if (kind === 'replace') set(holder, step, value);
  if (kind === 'insert') set(holder, name, value);
  if (kind === 'nest') set(holder, step, [structuredClone(holder)]);
  if (kind === 'retype') set(holder, step, retyped(before));
  if (kind === 'repeat')
    set(holder, step, Array.isArray(before) ? [...before, ...before] : [before, before]);
  return holder;
}

/** The same in another type: a number as text, a text as a list, and so on. */
function retyped(value: Json): Json {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return Number.isFinite(Number(value)) ? Number(value) : [value];
  if (Array.isArray(value)) return { ...value };
  return value === null ? {} : Object.entries(value).map(([key, one]) => [key, one]);
}

/** As `JSON.parse` does, so that a key like `__proto__` is a field of its own. */
function set(holder: object, key: string | number, value: Json): void {
  Object.defineProperty(holder, key, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

function ownValue(holder: object, key: string | number): Json {
  return Object.getOwnPropertyDescriptor(holder, key)?.value ?? null;
}
