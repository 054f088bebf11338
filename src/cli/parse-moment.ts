import type { Moment } from '../client/cube-client.ts';
import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import { parseDurationMs } from '../task/quantity.ts';

const UNITS: Readonly<Record<string, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/** By so much the clock of whoever noted a moment may have been ahead of this one. */
const CLOCK_DIFFERENCE_MS = 60_000;

const LONG_SPAN = /^(\d{1,6}) (second|minute|hour|day)s? ago$/;
const SHORT_SPAN = /^(\S+?)(?: ago)?$/;
const TIME_OF_DAY = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;
const DATE_AND_TIME = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;

/**
 * Reads a moment as people write it: a revision (`1234`), `10 minutes ago`, `1h30m ago` or only
 * `1h30m`, `03:00` (the latest one, in local time), `2030-01-31 03:00` (local unless it says
 * otherwise), `now`.
 *
 * @param flag What was given, for the message: `--at`.
 * @throws CubeError `configuration`.
 */
export function parseMoment(flag: string, text: string, nowMs: number): Moment {
  const given = text.trim();
  if (/^\d{1,15}$/.test(given)) return Number(given);
  const timeMs = given === 'now' ? nowMs : (readSpan(given, nowMs) ?? readTime(given, nowMs));
  if (timeMs !== undefined && timeMs > nowMs + CLOCK_DIFFERENCE_MS) {
    throw new CubeError('configuration', `${flag} is ${quoteText(text)}, which is yet to come.`, {
      hint: `Give a moment that has been, such as ${flag} "10 minutes ago".`,
    });
  }
  if (timeMs !== undefined && Number.isFinite(timeMs)) return new Date(timeMs).toISOString();
  throw new CubeError('configuration', `${flag} is ${quoteText(text)}; want a moment.`, {
    hint: `For example: ${flag} 10m, ${flag} "10 minutes ago", ${flag} 03:00, ${flag} "2030-01-31 03:00", or a revision such as ${flag} 1234`,
  });
}

function readSpan(text: string, nowMs: number): number | undefined {
  const [, count, unit = ''] = LONG_SPAN.exec(text) ?? [];
  if (count !== undefined) return nowMs - Number(count) * (UNITS[unit] ?? Number.NaN);
  const [, span] = SHORT_SPAN.exec(text) ?? [];
  const spanMs = span === undefined ? undefined : parseDurationMs(span);
  return spanMs === undefined ? undefined : nowMs - spanMs;
}

/** Whether there is such a day: to `Date` the 30th of February is the 2nd of March. */
function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00Z`);
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(text);
}

function readTime(text: string, nowMs: number): number | undefined {
  const [, hours, minutes, seconds = '0'] = TIME_OF_DAY.exec(text) ?? [];
  if (hours !== undefined) {
    const time = new Date(nowMs);
    time.setHours(Number(hours), Number(minutes), Number(seconds), 0);
    // Later than now means yesterday's.
    if (time.getTime() > nowMs) time.setDate(time.getDate() - 1);
    return time.getTime();
  }
  if (!DATE_AND_TIME.test(text) || !isDay(text.slice(0, 10))) return undefined;
  // A date alone would be read as midnight in Greenwich.
  return Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'));
}
