/**
 * Sizes and durations as people write them. Both grammars are linear and length-limited, so that
 * no input can make them slow.
 */

const BYTES_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['k', 1024],
  ['K', 1024],
  ['KiB', 1024],
  ['kB', 1000],
  ['KB', 1000],
  ['m', 1024 ** 2],
  ['M', 1024 ** 2],
  ['MiB', 1024 ** 2],
  ['MB', 1000 ** 2],
  ['g', 1024 ** 3],
  ['G', 1024 ** 3],
  ['GiB', 1024 ** 3],
  ['GB', 1000 ** 3],
  ['t', 1024 ** 4],
  ['T', 1024 ** 4],
  ['TiB', 1024 ** 4],
  ['TB', 1000 ** 4],
]);

/** What `parseBytes` reads, in words. */
export const BYTES_WANTED =
  'bytes as a whole number, or a number with a unit: k, m, g, t (= KiB, MiB, GiB, TiB), KB, MB, GB, TB';

/**
 * Reads a size such as `256MiB`, `1.5g` or `1048576` into whole bytes. `m` and `M` mean MiB, as
 * in Docker; `MB` means a million bytes.
 *
 * @returns undefined when `text` is not such a size or not a safe whole number of bytes.
 */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,16})(?:\.(\d{1,6}))?([A-Za-z]{0,3})$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction, unit = ''] = match;
  const factor = BYTES_PER_UNIT.get(unit);
  if (factor === undefined || (fraction !== undefined && factor === 1)) return undefined;
  const bytes = Math.round(Number(`${whole}.${fraction ?? '0'}`) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes for people: `256 MiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let index = 0;
  while (Math.abs(value) >= 1024 && index < units.length - 1) {
    value /= 1024;
    index += 1;
  }
  const text = value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
  return `${text.replace(/\.0$/, '')} ${units[index]}`;
}

const MS_PER_UNIT = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** What `parseDurationMs` reads, in words. */
export const DURATION_WANTED =
  'a duration with its unit, largest first, from ms, s, m, h, d: 500ms, 5s, 1m30s';

/**
 * Reads a duration such as `500ms`, `5s` or `1m30s` into milliseconds.
 *
 * @returns undefined when `text` is not such a duration; a bare number never is.
 */
export function parseDurationMs(text: string): number | undefined {
  const match =
    /^(?:(\d{1,6})d)?(?:(\d{1,7})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9})s)?(?:(\d{1,12})ms)?$/.exec(
      text,
    );
  if (match === null || text === '') return undefined;
  const [, d, h, m, s, ms] = match;
  const count = (digits: string | undefined, unit: number): number => Number(digits ?? 0) * unit;
  return (
    count(d, MS_PER_UNIT.d) +
    count(h, MS_PER_UNIT.h) +
    count(m, MS_PER_UNIT.m) +
    count(s, MS_PER_UNIT.s) +
    count(ms, MS_PER_UNIT.ms)
  );
}

/** Milliseconds in the one canonical form that `parseDurationMs` reads back: `1m30s`, `0s`. */
export function formatDuration(durationMs: number): string {
  let rest = Math.max(0, Math.round(durationMs));
  let text = '';
  for (const [unit, size] of Object.entries(MS_PER_UNIT)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}
