import type { Row } from './judge.ts';
import { describeChange } from './results.ts';

const HEADINGS = ['figure', 'Cube', 'peer or limit', '', 'ratio', 'target', '', 'change'] as const;

/** Columns of numbers, which stand to the right. */
const RIGHT = new Set([1, 3, 4]);

/** The one table, and under it how many targets are met. */
export function formatTable(rows: readonly Row[], kept: readonly Row[]): string {
  const parts = [...new Set(rows.map(({ part }) => part))];
  const lines = parts.flatMap((part) => [
    [part.toUpperCase()],
    ...rows.filter((row) => row.part === part).map((row) => cellsOf(row, kept)),
  ]);
  const all = [[...HEADINGS], ...lines];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...all.filter((cells) => cells.length > 1).map((cells) => cells[column]?.length ?? 0)),
  );
  const text = all.map((cells) => {
    if (cells.length === 1) return `\n${cells[0]}`;
    return cells
      .map((cell, column) =>
        RIGHT.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  });
  return `${text.join('\n')}\n\n${formatScore(rows)}\n`;
}

/** `N of M targets met`. What was skipped counts in neither. */
export function formatScore(rows: readonly Row[]): string {
  const met = rows.filter(({ verdict }) => verdict === 'met').length;
  const missed = rows.filter(({ verdict }) => verdict === 'missed').length;
  const skipped = rows.filter(({ verdict }) => verdict === 'skipped').length;
  const aside = skipped === 0 ? '' : ` (${skipped} skipped)`;
  return `${met} of ${met + missed} targets met${aside}`;
}

function cellsOf(row: Row, kept: readonly Row[]): string[] {
  const { figure, unit, ours, referenceName, reference, ratio, target, verdict } = row;
  return [
    figure,
    ours === undefined ? '–' : formatValue(ours, unit),
    referenceName ?? '',
    referenceName === undefined ? '' : reference === undefined ? '–' : formatValue(reference, unit),
    ratio === undefined ? '' : `${formatNumber(ratio)}×`,
    target ?? '',
    verdict,
    describeChange(row, kept) ?? '',
  ];
}

function formatValue(value: number, unit: string): string {
  return `${formatNumber(value)} ${unit}`;
}

/** Three digits that mean something; thousands set apart. */
function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  return size === 0 ? '0' : value.toPrecision(2);
}
