import { z } from 'zod';

/** Query parameters come as text, and as a list of texts when repeated. */

/** A whole number within a range, given once. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  const wanted = `a whole number from ${min} to ${max}`;
  return z
    .string(`${wanted}, given once`)
    .regex(/^\d{1,16}$/, wanted)
    .transform(Number)
    .refine((value) => Number.isSafeInteger(value) && value >= min && value <= max, wanted);
}

const FLAG_WANTED = 'true or false';

/** `true` or `false`; the bare name means true. */
export const flag: z.ZodType<boolean> = z
  .enum(['true', 'false', '1', '0', ''], FLAG_WANTED)
  .transform((value) => value !== 'false' && value !== '0');

/** A text, given once. */
export function text(lengthMax: number): z.ZodType<string> {
  const wanted = `a text of 1 to ${lengthMax} characters, given once`;
  return z.string(wanted).min(1, wanted).max(lengthMax, wanted);
}

/** One or more values, by repeating the parameter or with commas between them. */
export function severalOf<const Value extends string>(
  values: readonly Value[],
): z.ZodType<readonly Value[]> {
  const wanted = `one or more of ${values.join(', ')}`;
  return z
    .preprocess(
      (given) => [given].flat().flatMap((one) => (typeof one === 'string' ? one.split(',') : one)),
      z.array(z.enum(values, wanted)).min(1, wanted).max(100, wanted),
    )
    .meta({ description: wanted });
}

const LABEL_WANTED = 'a label as key=value, such as label=tier=web; repeat it for several';

/** Labels as `key=value`, repeated for several. */
export const labels: z.ZodType<Readonly<Record<string, string>>> = z
  .preprocess(
    (given) => [given].flat(),
    z
      .array(z.string(LABEL_WANTED).max(5000, LABEL_WANTED).includes('=', LABEL_WANTED))
      .max(32, LABEL_WANTED),
  )
  .transform((pairs) =>
    Object.fromEntries(
      pairs.map((pair) => {
        const index = pair.indexOf('=');
        return [pair.slice(0, index), pair.slice(index + 1)] as const;
      }),
    ),
  );

const MOMENT_WANTED =
  'a revision, which is a whole number from 0 on, or a time such as 2030-01-31T03:00:00Z';

/** A revision, or a time by RFC 3339 with its offset. */
export const moment: z.ZodType<{ readonly revision: number } | { readonly timeMs: number }> = z
  .union([z.string().regex(/^\d{1,15}$/), z.iso.datetime({ offset: true })], MOMENT_WANTED)
  .transform((value) =>
    /^\d{1,15}$/.test(value) ? { revision: Number(value) } : { timeMs: Date.parse(value) },
  );
