import type { Measured } from './measure.ts';
import type { Figure, Part, Unit } from './part.ts';
import { describeTarget, isMet } from './target.ts';

type Verdict = 'met' | 'missed' | 'skipped' | '';

/** A figure with its numbers: a row of the table, and of the JSON that is kept. */
export interface Row {
  readonly part: string;
  readonly figure: string;
  readonly unit: Unit;
  readonly ours?: number;
  readonly referenceName?: string;
  readonly reference?: number;
  /** Ours as a multiple of the reference. */
  readonly ratio?: number;
  readonly target?: string;
  /** Empty where there is no target; `skipped` where the machine lacks what it takes. */
  readonly verdict: Verdict;
}

/** Holds what was measured against the figures of the part. */
export function judge(part: Part, measured: Measured): readonly Row[] {
  return part.figures.map((figure) => judgeOne(part, figure, measured));
}

function judgeOne(part: Part, figure: Figure, measured: Measured): Row {
  const read = (reading: string): number => measured.medians[reading] ?? Number.NaN;
  const ours = read(figure.ours);
  const { reference: against, target } = figure;
  const reference =
    against === undefined
      ? Number.NaN
      : typeof against.of === 'string'
        ? read(against.of)
        : against.of(read);
  return {
    part: part.name,
    figure: figure.name,
    unit: figure.unit,
    ...finite('ours', ours),
    ...(against === undefined ? {} : { referenceName: against.name }),
    ...finite('reference', reference),
    ...finite('ratio', ours / reference),
    ...(target === undefined ? {} : { target: describeTarget(target, figure.unit) }),
    verdict: verdictOf(figure, { ours, reference, measured }),
  };
}

function verdictOf(
  { target }: Figure,
  {
    ours,
    reference,
    measured,
  }: { readonly ours: number; readonly reference: number; readonly measured: Measured },
): Verdict {
  if (target === undefined) return '';
  const isWhole = Number.isFinite(ours) && (target.kind === 'value' || Number.isFinite(reference));
  if (isWhole) return isMet(target, ours, reference) ? 'met' : 'missed';
  // A fault of the benchmark or of Cube must not look like something that the machine lacks.
  return measured.gaps.some(({ isFailure }) => isFailure) ? 'missed' : 'skipped';
}

function finite<Name extends string>(
  name: Name,
  value: number,
): { readonly [Key in Name]?: number } {
  return Number.isFinite(value) ? ({ [name]: value } as { readonly [Key in Name]: number }) : {};
}
