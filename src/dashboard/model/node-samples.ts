import type { EventReply } from '../../client/event-stream.ts';
import type { NodeReply } from '../../link/replies.ts';
import { type Resources, resourcesSchema } from '../../node/node.ts';

/** Measured use of a node at one time. */
export interface NodeSample {
  readonly timeMs: number;
  readonly used: Resources;
}

const SAMPLE_COUNT_MAX = 300;

/** What events have recorded of a node's use, oldest first. */
export function samplesOf(events: readonly EventReply[], node: string): readonly NodeSample[] {
  return events.flatMap((event) => {
    if (event.node !== node) return [];
    const observed = resourcesSchema.safeParse(event.facts?.['observed']);
    return observed.success ? [{ timeMs: Date.parse(event.time), used: observed.data }] : [];
  });
}

/** The samples with what the latest heartbeat says; a heartbeat that is known changes nothing. */
export function withHeartbeat(
  samples: readonly NodeSample[],
  { stats }: NodeReply,
): readonly NodeSample[] {
  if (stats === undefined) return samples;
  const timeMs = Date.parse(stats.time);
  const last = samples.at(-1);
  if (last !== undefined && last.timeMs >= timeMs) return samples;
  return [...samples, { timeMs, used: stats.used }].slice(-SAMPLE_COUNT_MAX);
}

/** A line through values within a box; the box is as high as `valueMax`. */
export function linePath(
  points: readonly { readonly at: number; readonly value: number }[],
  box: { readonly width: number; readonly height: number; readonly valueMax: number },
): string {
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) return '';
  const span = Math.max(1, last.at - first.at);
  const x = (at: number): number => ((at - first.at) / span) * box.width;
  const y = (value: number): number =>
    box.height - Math.min(1, value / Math.max(box.valueMax, Number.MIN_VALUE)) * box.height;
  // One value alone is a line too.
  const shown = points.length === 1 ? [first, { ...first, at: first.at + 1 }] : points;
  const steps = shown.map(({ at, value }) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
  return `M${steps.join('L')}`;
}
