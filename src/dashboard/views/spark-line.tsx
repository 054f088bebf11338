import type { JSX } from 'preact';
import { linePath } from '../model/node-samples.ts';

export interface SparkLineProps {
  readonly title: string;
  readonly points: readonly { readonly at: number; readonly value: number }[];
  readonly valueMax: number;
  readonly format: (value: number) => string;
}

const WIDTH = 240;
const HEIGHT = 48;

/** A small chart of one value over time, against its capacity; what it shows is also in words. */
export function SparkLine({ title, points, valueMax, format }: SparkLineProps): JSX.Element {
  const values = points.map(({ value }) => value);
  const last = values.at(-1);
  const words =
    last === undefined
      ? 'nothing measured yet'
      : `${format(last)} now, from ${format(Math.min(...values))} to ${format(Math.max(...values))}, of ${format(valueMax)}`;
  const path = linePath(points, { width: WIDTH, height: HEIGHT, valueMax });
  return (
    <figure class="spark">
      <figcaption>
        <strong>{title}</strong> <span class="muted">{words}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {path !== '' && <path class="spark-area" d={`${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />}
        <path class="spark-line" d={path} />
      </svg>
    </figure>
  );
}
