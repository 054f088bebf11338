import { z } from 'zod';
import { taskSpecSchema } from '../../src/task/task-spec.ts';

type Schema = Readonly<Record<string, unknown>>;

/** The fields that a reference event may have, each level with its names. */
const referenceFields = {
  top: ['ID', 'State', 'Timestamp', 'Task'],
  task: [
    ...['ID', 'Name', 'State', 'Image', 'Cpu', 'Memory', 'Disk', 'ExposedPorts', 'PortBindings'],
    ...['RestartPolicy', 'HealthCheck'],
  ],
};

/**
 * Whether a field named by a refusal is one: at each step it is either there in the input or
 * known to the schema of what may come.
 *
 * @param schema of what may come. Default: a task spec, or the reference's form of one.
 */
export function isFieldOf(
  field: string,
  input: unknown,
  schema: z.ZodType = taskSpecSchema,
): boolean {
  const steps = stepsOf(field);
  if (steps === undefined) return false;
  return walk(steps, input, isReference(input) ? undefined : [shapeOf(schema)]);
}

const shapes = new Map<z.ZodType, Schema>();

function shapeOf(schema: z.ZodType): Schema {
  const before = shapes.get(schema);
  if (before !== undefined) return before;
  const known = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const shape = withDefinitions(known, asSchema(known['$defs']) ?? {});
  shapes.set(schema, shape);
  return shape;
}

/** The schema with its references followed, since none here leads back to itself. */
function withDefinitions(schema: Schema, definitions: Schema): Schema {
  const target = schema['$ref'];
  const found = typeof target === 'string' ? definitions[target.replace('#/$defs/', '')] : schema;
  const inner = Object.entries(Object(found)).map(([key, value]) => [
    key,
    Array.isArray(value)
      ? value.map((one) => (isObject(one) ? withDefinitions(one, definitions) : one))
      : isObject(value) && key !== '$defs'
        ? withDefinitions(value, definitions)
        : value,
  ]);
  return Object.fromEntries(inner);
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null;
}

/** The steps of a path as people write it; undefined when it is none. */
function stepsOf(field: string): readonly string[] | undefined {
  const steps: string[] = [];
  const step = /\.?([A-Za-z_][A-Za-z0-9_-]{0,63})|\[(\d+)\]|\["((?:[^"\\]|\\.)*)(?:"\]|…$)|…$/y;
  while (step.lastIndex < field.length) {
    const match = step.exec(field);
    if (match === null) return undefined;
    const [, name, index, quoted] = match;
    const key = name ?? index ?? quoted;
    // Longer ones are cut.
    steps.push(key === undefined ? '…' : quoted === undefined ? key : unquoted(quoted));
  }
  return steps;
}

function unquoted(text: string): string {
  try {
    return JSON.parse(`"${text.replace(/…$/, '')}"`) + (text.endsWith('…') ? '…' : '');
  } catch {
    // Cut in the middle of an escape.
    return `${text.split('\\')[0]}…`;
  }
}

function walk(
  [step, ...rest]: readonly string[],
  value: unknown,
  schemas: readonly Schema[] | undefined,
): boolean {
  if (step === undefined || step === '…') return true;
  const [known, next] = childOf(value, step);
  const inner = schemas?.flatMap((one) => innerOf(one, step)) ?? [];
  if (known) return walk(rest, next, inner.length > 0 ? inner : undefined);
  if (inner.length > 0) return walk(rest, undefined, inner);
  const names = [...referenceFields.top, ...referenceFields.task];
  return schemas === undefined && rest.length <= 1 && names.includes(step);
}

/** The value behind a key, which may be cut and, in the reference's form, of another case. */
function childOf(value: unknown, step: string): readonly [boolean, unknown] {
  if (typeof value !== 'object' || value === null) return [false, undefined];
  const end = step.indexOf('…');
  const isSame = (key: string): boolean =>
    end === -1
      ? key.toLowerCase() === step.toLowerCase()
      : key.toLowerCase().startsWith(step.slice(0, end).toLowerCase());
  const key = Object.hasOwn(value, step) ? step : Object.keys(value).find(isSame);
  return key === undefined
    ? [false, undefined]
    : [true, Object.getOwnPropertyDescriptor(value, key)?.value];
}

function innerOf(schema: Schema, step: string): readonly Schema[] {
  return alternativesOf(schema).flatMap((one) => {
    const properties = asSchema(one['properties']);
    const own = properties === undefined ? undefined : asSchema(properties[step]);
    const item = /^\d+$/.test(step) ? asSchema(one['items']) : undefined;
    const other = own ?? item ?? asSchema(one['additionalProperties']);
    return other === undefined ? [] : [other];
  });
}

function alternativesOf(schema: Schema): readonly Schema[] {
  const several: Schema[] = [];
  for (const word of ['anyOf', 'allOf', 'oneOf']) {
    const list: unknown = schema[word];
    for (const one of Array.isArray(list) ? list : []) several.push(Object(one));
  }
  return [schema, ...several.flatMap(alternativesOf)];
}

function asSchema(value: unknown): Schema | undefined {
  return typeof value === 'object' && value !== null ? (value as Schema) : undefined;
}

function isReference(input: unknown): boolean {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return false;
  return Object.keys(input).some((key) => key.toLowerCase() === 'task');
}
