import { shorten, toPlainText, widthOf } from './plain-text.ts';

export interface Column {
  readonly title: string;
  /** Default: left. */
  readonly align?: 'left' | 'right';
  /** May be cut down to this many columns of the terminal; by default it is never cut. */
  readonly widthMin?: number;
}

export interface TableOptions {
  /** Of the terminal; nothing is cut where it is undefined. */
  readonly width?: number | undefined;
  /** Colours a cell that has been laid out. */
  readonly paint?: (text: string, place: CellPlace) => string;
}

interface CellPlace {
  readonly title: string;
  /** -1 for the titles. */
  readonly row: number;
}

const GAP = '  ';

/** Lines of a table whose columns are as wide as they must be, and no wider than the terminal. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const titles = columns.map((column) => column.title);
  const cells = [
    titles,
    ...rows.map((row) => row.map((cell) => toPlainText(cell).replaceAll('\t', ' '))),
  ];
  const widths = fitWidths(
    columns,
    columns.map((_, index) => Math.max(...cells.map((row) => widthOf(row[index] ?? '')))),
    options.width,
  );
  const lines = cells.map((row, index) => {
    const parts = columns.map((column, place) => {
      const width = widths[place] ?? 0;
      const text = shorten(row[place] ?? '', width);
      const padding = ' '.repeat(Math.max(0, width - widthOf(text)));
      const painted = options.paint?.(text, { title: column.title, row: index - 1 }) ?? text;
      return column.align === 'right' ? padding + painted : painted + padding;
    });
    return parts.join(GAP).trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

/** Takes from the widest column that may be cut, until the line fits or nothing more can go. */
function fitWidths(
  columns: readonly Column[],
  wanted: readonly number[],
  lineWidth: number | undefined,
): readonly number[] {
  const widths = [...wanted];
  if (lineWidth === undefined) return widths;
  const total = (): number =>
    widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1));
  while (total() > lineWidth) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      const width = widths[index] ?? 0;
      const canShrink = column.widthMin !== undefined && width > column.widthMin;
      if (canShrink && width > (widths[widest] ?? 0)) widest = index;
    }
    if (widest === -1) return widths;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}
