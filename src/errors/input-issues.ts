import type { z } from 'zod';
import { CubeError, type InputIssue } from './cube-error.ts';
import { describeValue, formatPath, quoteKey } from './describe-value.ts';
import { suggest } from './suggest.ts';

/** More than these help nobody. */
const ISSUE_COUNT_MAX = 20;

/**
 * Reads `input` by `schema`, or refuses it whole.
 *
 * @param what names the input for the message, such as `The task`.
 * @throws CubeError `invalid-input`, with an issue for every field that is wrong.
 */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: string,
): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw invalidInput(what, toInputIssues(result.error, input, schema));
}

/** The error for `issues`; its message tells the first of them. */
export function invalidInput(what: string, issues: readonly InputIssue[]): CubeError {
  const shown = issues.slice(0, ISSUE_COUNT_MAX);
  const [first] = shown;
  if (first === undefined) return new CubeError('invalid-input', `${what} is not valid.`);
  const place = first.field === '' ? '' : `${first.field}: `;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return new CubeError(
    'invalid-input',
    `${what} is not valid. ${place}got ${first.got}, want ${first.want}${more}`,
    { issues: shown },
  );
}

/** What a schema says is wrong, as issues that name the field, what came and what is wanted. */
export function toInputIssues(
  error: z.ZodError,
  input: unknown,
  schema: z.ZodType,
): readonly InputIssue[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return unknownFields(issue, input, schema);
    return [toIssue(issue, input)];
  });
}

function toIssue(issue: z.core.$ZodIssue, input: unknown): InputIssue {
  const { value, path } = locate(input, issue.path);
  const isKey = issue.code === 'invalid_key';
  const inner = isKey ? issue.issues[0] : undefined;
  const example = issue.code === 'custom' ? issue.params?.['example'] : undefined;
  return {
    field: formatPath(path),
    got: isKey ? quoteKey(String(path.at(-1))) : describeValue(value, path),
    want: `${inner?.message ?? wantOf(issue)}${meantValue(issue, value)}`,
    ...(typeof example === 'string' ? { example } : {}),
  };
}

const wordsOfType: Readonly<Record<string, string>> = {
  object: 'an object',
  record: 'an object',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** The schema's own words; for the few places that have none, the type. */
function wantOf(issue: z.core.$ZodIssue): string {
  const isMade = /^(?:Invalid input|Too (?:small|big))/.test(issue.message);
  if (!isMade) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return wordsOfType[issue.expected] ?? issue.message;
    case 'too_small':
      return boundOf('at least', issue.minimum, issue.origin);
    case 'too_big':
      return boundOf('at most', issue.maximum, issue.origin);
    default:
      return issue.message;
  }
}

const unitsOf: Readonly<Record<string, string>> = { array: 'item', string: 'character' };

function boundOf(words: string, bound: number | bigint, origin: string): string {
  const unit = unitsOf[origin];
  return `${words} ${bound}${unit === undefined ? '' : ` ${unit}${bound === 1 ? '' : 's'}`}`;
}

function meantValue(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code !== 'invalid_value' || typeof value !== 'string') return '';
  const meant = suggest(value, issue.values.map(String));
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

function unknownFields(
  issue: z.core.$ZodIssueUnrecognizedKeys,
  input: unknown,
  schema: z.ZodType,
): readonly InputIssue[] {
  const known = knownFields(schema, issue.path);
  return issue.keys.map((key, index) => {
    const path = [...issue.path, key];
    // The comparisons cost time, and more than the first few are not shown.
    const meant = index < ISSUE_COUNT_MAX ? suggest(key, known) : undefined;
    return {
      field: formatPath(path),
      got: describeValue(locate(input, path).value, path),
      want: `no such field${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    };
  });
}

/**
 * The value at `path`. Where a word stands for an object, such as `never` for
 * `{"policy": "never"}`, the path ends at the word.
 */
function locate(
  input: unknown,
  path: readonly PropertyKey[],
): { readonly value: unknown; readonly path: readonly PropertyKey[] } {
  let value = input;
  for (const [index, step] of path.entries()) {
    if (typeof value === 'string') return { value, path: path.slice(0, index) };
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) {
      return { value: undefined, path };
    }
    value = Reflect.get(value, step);
  }
  return { value, path };
}

/** The fields that the object at `path` may have, for suggestions. */
function knownFields(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const shapes = objectsOf(schema);
  const [step, ...rest] = path;
  if (step === undefined) return shapes.flatMap((shape) => Object.keys(shape));
  const inner =
    typeof step === 'number'
      ? elementsOf(schema)
      : shapes.flatMap((shape) => shape[String(step)] ?? []);
  return inner.flatMap((one) => knownFields(one, rest));
}

/** The schema and all that it wraps, without going into fields or items. */
function layersOf(schema: z.core.$ZodType): readonly z.core.$ZodTypes[] {
  // Every schema is of a kind in this union; the base type just does not say so.
  const one = schema as z.core.$ZodTypes;
  const { def } = one._zod;
  switch (def.type) {
    case 'pipe':
      return [one, ...layersOf(def.in), ...layersOf(def.out)];
    case 'optional':
    case 'default':
    case 'nullable':
    case 'readonly':
      return [one, ...layersOf(def.innerType)];
    case 'lazy':
      return [one, ...layersOf(def.getter())];
    case 'union':
      return [one, ...def.options.flatMap(layersOf)];
    default:
      return [one];
  }
}

function objectsOf(schema: z.core.$ZodType): readonly z.core.$ZodShape[] {
  return layersOf(schema).flatMap(({ _zod: { def } }) =>
    def.type === 'object' ? [def.shape] : [],
  );
}

function elementsOf(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  return layersOf(schema).flatMap(({ _zod: { def } }) =>
    def.type === 'array' ? [def.element] : [],
  );
}
