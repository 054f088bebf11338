import { z } from 'zod';
import {
  BYTES_WANTED,
  DURATION_WANTED,
  formatDuration,
  parseBytes,
  parseDurationMs,
} from './quantity.ts';

/** A string without NUL or lone surrogates, which no runtime and no encoding can carry. */
export function safeString(lengthMax: number, wanted?: string): z.ZodString {
  const message = wanted ?? `a string of at most ${groupDigits(lengthMax)} characters without NUL`;
  return z
    .string(message)
    .max(lengthMax, message)
    .refine((text) => !text.includes('\0') && text.isWellFormed(), message);
}

/** `32,768`; by hand, because the tables of all languages take 10 ms and 8 MB to load. */
function groupDigits(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A size in bytes; strings with units are read, and the result is a whole number of bytes. */
export function bytesField(options: {
  readonly min: number;
  readonly minText: string;
}): z.ZodType<number, number | string> {
  const wanted = `${BYTES_WANTED}; at least ${options.minText}`;
  return z.union([z.string().max(32), z.number()], wanted).transform((value, context) => {
    const bytes = typeof value === 'string' ? parseBytes(value) : value;
    if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= options.min) return bytes;
    context.addIssue({ code: 'custom', message: wanted, params: { example: '256MiB' } });
    return z.NEVER;
  });
}

/** A duration with its unit, kept as text in canonical form so that it can be sent again. */
export function durationField(options: {
  readonly minMs: number;
  readonly maxMs: number;
}): z.ZodType<string, string> {
  const range = `from ${formatDuration(options.minMs)} to ${formatDuration(options.maxMs)}`;
  const wanted = `${DURATION_WANTED}; ${range}`;
  return (
    z
      .string(`${wanted}. Seconds? Write 5s`)
      // Aborts, so that rules between durations never see one that could not be read.
      .max(64, { error: wanted, abort: true })
      .transform((text, context) => {
        const durationMs = parseDurationMs(text);
        const fits =
          durationMs !== undefined && durationMs >= options.minMs && durationMs <= options.maxMs;
        if (fits) return formatDuration(durationMs);
        const bare = /^\d+(\.\d+)?$/.test(text);
        context.addIssue({
          code: 'custom',
          message: bare ? `${wanted}. Seconds? Write ${text}s` : wanted,
          params: { example: '5s' },
        });
        return z.NEVER;
      })
  );
}

/** Milliseconds of a duration that `durationField` has accepted. */
export function durationMs(canonical: string): number {
  const parsed = parseDurationMs(canonical);
  if (parsed === undefined) throw new Error(`Broken belief: ${canonical} was accepted before.`);
  return parsed;
}

/** Keys that would reach an object's prototype. They are refused everywhere. */
const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'prototype', 'constructor']);

/** A map with checked keys and a bounded number of entries. Default: empty. */
export function mapField<Value extends z.ZodType>(options: {
  readonly key: RegExp;
  readonly keyWanted: string;
  readonly value: Value;
  readonly countMax: number;
}): z.ZodDefault<z.ZodRecord<z.ZodString, Value>> {
  const { keyWanted, countMax } = options;
  return z
    .record(
      z
        .string()
        .regex(options.key, keyWanted)
        .refine((key) => !PROTOTYPE_KEYS.has(key) && !key.startsWith('cube.'), keyWanted),
      options.value,
      'an object of names and values',
    )
    .refine((map) => Object.keys(map).length <= countMax, `at most ${countMax} entries`)
    .default({} as never) as never;
}
