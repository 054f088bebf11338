import type { LogLine } from '../../link/protocol.ts';
import { LOG_LINE_BYTES_MAX } from '../log-line-splitter.ts';
import type { SimulatedInstance } from './simulated-instance.ts';

/** The most lines of chatter that are kept, as a real runtime would bound its files. */
const CHATTER_COUNT_MAX = 1000;

interface TimedLine {
  readonly atMs: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/**
 * What an instance wrote in the time from `fromMs` (excluded) to `toMs` (included) after its
 * start, oldest first. Computed when asked for: nothing is kept while nobody reads.
 */
export function outputBetween(
  instance: SimulatedInstance,
  fromMs: number,
  toMs: number,
): readonly LogLine[] {
  if (instance.startedAt === undefined) return [];
  const startedAt = Date.parse(instance.startedAt);
  return linesBetween(instance, fromMs, toMs).map(({ atMs, stream, text }) => ({
    stream,
    time: new Date(startedAt + atMs).toISOString(),
    text: text.slice(0, LOG_LINE_BYTES_MAX),
  }));
}

/** When it writes next after `afterMs`, in milliseconds since its start; undefined for never. */
export function nextOutputMs(instance: SimulatedInstance, afterMs: number): number | undefined {
  const { output = [], chatter } = instance.behaviour;
  let next =
    chatter === undefined
      ? Number.POSITIVE_INFINITY
      : afterMs - (afterMs % chatter.everyMs) + chatter.everyMs;
  for (const line of output) if (line.afterMs > afterMs) next = Math.min(next, line.afterMs);
  return Number.isFinite(next) ? next : undefined;
}

function linesBetween(instance: SimulatedInstance, fromMs: number, toMs: number): TimedLine[] {
  const { output = [], chatter } = instance.behaviour;
  const lines: TimedLine[] = output
    .filter((line) => line.afterMs > fromMs && line.afterMs <= toMs)
    .map(({ afterMs, stream, text }) => ({ atMs: afterMs, stream, text }));
  if (chatter === undefined) return lines;
  const last = Math.floor(toMs / chatter.everyMs);
  const first = Math.max(0, Math.floor(fromMs / chatter.everyMs) + 1, last - CHATTER_COUNT_MAX + 1);
  for (let count = first; count <= last; count += 1) {
    const text = `${chatter.text} ${count}`;
    lines.push({ atMs: count * chatter.everyMs, stream: 'stdout', text });
  }
  return lines.sort((one, other) => one.atMs - other.atMs);
}
