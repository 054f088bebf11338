import {
  type Contender,
  type OpenPart,
  type Part,
  type Readings,
  type Trial,
  Unavailable,
} from './part.ts';
import { median } from './statistics.ts';

/** What a part has measured. */
export interface Measured {
  /** The median over the rounds, by reading. */
  readonly medians: Readings;
  /** What could not be measured, and why. */
  readonly gaps: readonly Gap[];
}

interface Gap {
  readonly contender: string;
  readonly message: string;
  /** A fault, rather than something that this machine lacks. */
  readonly isFailure: boolean;
}

export interface MeasureOptions {
  /** An empty directory on the disk to measure. */
  readonly directory: string;
  readonly onProgress: (text: string) => void;
}

/** Runs all trials of a part. One that cannot even be prepared has measured nothing. */
export async function measure(part: Part, options: MeasureOptions): Promise<Measured> {
  let opened: OpenPart;
  try {
    opened = await part.open(options.directory);
  } catch (error) {
    return { medians: {}, gaps: [toGap(part, error)] };
  }
  await using open = opened;
  const values = new Map<string, number[]>();
  const gaps: Gap[] = [];
  for (const trial of open.trials) {
    gaps.push(...(await runTrial(trial, { values, onProgress: options.onProgress })));
  }
  const medians = Object.fromEntries([...values].map(([name, all]) => [name, median(all)]));
  return { medians, gaps };
}

/**
 * Rounds alternate between the contenders, and every other round goes the other way, so that a
 * machine which becomes slower or faster does so for all of them. A contender that fails is left
 * out from then on.
 */
async function runTrial(
  trial: Trial,
  {
    values,
    onProgress,
  }: {
    readonly values: Map<string, number[]>;
    readonly onProgress: MeasureOptions['onProgress'];
  },
): Promise<readonly Gap[]> {
  const gaps = new Map<Contender, Gap>();
  for (let round = 0; round < trial.rounds; round += 1) {
    const order = round % 2 === 0 ? trial.contenders : trial.contenders.toReversed();
    for (const contender of order) {
      if (gaps.has(contender)) continue;
      onProgress(`${trial.name}, round ${round + 1} of ${trial.rounds}: ${contender.name}`);
      try {
        for (const [name, value] of Object.entries(await contender.run())) {
          const all = values.get(name) ?? [];
          values.set(name, all);
          all.push(value);
        }
      } catch (error) {
        gaps.set(contender, toGap(contender, error));
      }
    }
  }
  return [...gaps.values()];
}

function toGap(contender: Pick<Contender, 'name'>, error: unknown): Gap {
  const isFailure = !(error instanceof Unavailable);
  const message = error instanceof Error ? error.message : String(error);
  const text = isFailure && error instanceof Error ? (error.stack ?? message) : message;
  return { contender: contender.name, message: text, isFailure };
}

/** What could not be measured, in a line for each reason: ten contenders may lack the same thing. */
export function describeGaps(gaps: readonly Gap[]): readonly string[] {
  const reasons = Map.groupBy(gaps, ({ message }) => message);
  return [...reasons].map(([message, alike]) => {
    const names = alike.map(({ contender }) => contender).join('; ');
    return `${alike[0]?.isFailure === true ? 'failed' : 'skipped'}: ${message} (${names})`;
  });
}
