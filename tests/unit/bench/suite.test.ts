import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { judge, type Row } from '../../../bench/suite/judge.ts';
import { describeGaps, measure } from '../../../bench/suite/measure.ts';
import { type Figure, type Part, type Trial, Unavailable } from '../../../bench/suite/part.ts';
import {
  describeChange,
  mergeRows,
  readResults,
  writeResults,
} from '../../../bench/suite/results.ts';
import { median, percentile } from '../../../bench/suite/statistics.ts';
import { formatScore, formatTable } from '../../../bench/suite/table.ts';
import {
  describeTarget,
  extraAtMost,
  isMet,
  timesAtLeast,
  timesAtMost,
  valueAtMost,
} from '../../../bench/suite/target.ts';

function makePart(figures: readonly Figure[], trials: readonly Trial[]): Part {
  return {
    name: 'part',
    figures,
    notes: [],
    open: async () => ({ trials, [Symbol.asyncDispose]: async () => undefined }),
  };
}

/** What the parts of these tests measure. */
const options = { directory: '/nowhere', onProgress: () => undefined };

const speed: Figure = {
  name: 'speed',
  unit: '/s',
  ours: 'ours',
  reference: { name: 'theirs', of: 'theirs' },
  target: timesAtLeast(2),
};

const row: Row = { part: 'part', figure: 'speed', unit: '/s', ours: 10, ratio: 2, verdict: 'met' };

describe('a measurement', () => {
  it('alternates between its contenders, each round the other way round', async () => {
    const order: string[] = [];
    const contender = (name: string) => ({
      name,
      run: async () => {
        order.push(name);
        return {};
      },
    });
    const contenders = [contender('a'), contender('b'), contender('c')];
    await measure(makePart([], [{ name: 'trial', rounds: 3, contenders }]), options);
    expect(order.join('')).toBe('abccbaabc');
  });

  it('is the median over the rounds', async () => {
    const values = [5, 1, 100];
    const run = async () => ({ ours: values.shift() ?? Number.NaN });
    const trial = { name: 'trial', rounds: 3, contenders: [{ name: 'ours', run }] };
    const { medians } = await measure(makePart([], [trial]), options);
    expect(medians).toEqual({ ours: 5 });
  });

  it.each([
    { kind: 'skipped', error: new Unavailable('No Go here.'), isFailure: false },
    { kind: 'missed', error: new Error('It broke.'), isFailure: true },
  ])(
    'that cannot be made leaves its figure $kind, and says why',
    async ({ kind, error, isFailure }) => {
      let tries = 0;
      const contenders = [
        { name: 'ours', run: async () => ({ ours: 1 }) },
        {
          name: 'theirs',
          run: () => {
            tries += 1;
            return Promise.reject(error);
          },
        },
      ];
      const part = makePart([speed], [{ name: 'trial', rounds: 3, contenders }]);
      const measured = await measure(part, options);
      expect(tries).toBe(1);
      expect(measured.gaps).toMatchObject([{ contender: 'theirs', isFailure }]);
      expect(measured.gaps[0]?.message).toContain(error.message);
      const [judged] = judge(part, measured);
      expect(judged).toMatchObject({ ours: 1, verdict: kind });
      expect(judged).not.toHaveProperty('ratio');
    },
  );

  it('for which nothing could be prepared has missed every target', async () => {
    const part = { ...makePart([speed], []), open: () => Promise.reject(new Error('No room.')) };
    const measured = await measure(part, options);
    expect(measured.gaps).toMatchObject([{ contender: 'part', isFailure: true }]);
    expect(judge(part, measured)).toMatchObject([{ verdict: 'missed' }]);
  });

  it('disposes of the part, also when it fails to go on', async () => {
    let isDisposed = false;
    const part: Part = {
      ...makePart([], []),
      open: async () => ({
        get trials(): readonly Trial[] {
          throw new Error('No trials.');
        },
        [Symbol.asyncDispose]: async () => {
          isDisposed = true;
        },
      }),
    };
    await expect(measure(part, options)).rejects.toThrow('No trials.');
    expect(isDisposed).toBe(true);
  });
});

it('tells once what several contenders lack', () => {
  const gap = { contender: 'a', message: 'No Go here.', isFailure: false };
  const broken = { contender: 'c', message: 'It broke.', isFailure: true };
  expect(describeGaps([gap, broken, { ...gap, contender: 'b' }])).toEqual([
    'skipped: No Go here. (a; b)',
    'failed: It broke. (c)',
  ]);
});

describe('a figure', () => {
  const judged = (figure: Figure, medians: Record<string, number>) =>
    judge(makePart([figure], []), { medians, gaps: [] })[0];

  it('is held against its reference', () => {
    expect(judged(speed, { ours: 30, theirs: 10 })).toEqual({
      part: 'part',
      figure: 'speed',
      unit: '/s',
      ours: 30,
      referenceName: 'theirs',
      reference: 10,
      ratio: 3,
      target: '≥ 2×',
      verdict: 'met',
    });
    expect(judged(speed, { ours: 19, theirs: 10 })).toMatchObject({ verdict: 'missed' });
  });

  it('may be held against what follows from several readings', () => {
    const of = (read: (reading: string) => number): number => read('echo') + 1.5 * read('commit');
    const figure: Figure = { ...speed, reference: { name: 'sum', of } };
    expect(judged(figure, { ours: 8, echo: 1, commit: 2 })).toMatchObject({ reference: 4 });
  });

  it('without a target is neither met nor missed', () => {
    const { target: _, ...plain } = speed;
    expect(judged(plain, { ours: 1, theirs: 2 })).toMatchObject({ ratio: 0.5, verdict: '' });
  });
});

test.each([
  { target: timesAtLeast(2), met: [20, 10], missed: [19, 10], text: '≥ 2×' },
  { target: timesAtMost(1 / 8), met: [1, 8], missed: [1.1, 8], text: '≤ 0.13×' },
  { target: extraAtMost(60), met: [100, 40], missed: [101, 40], text: '≤ +60 MB' },
  { target: valueAtMost(250), met: [250, Number.NaN], missed: [251, 0], text: '≤ 250 MB' },
] as const)('a target of $text is met and missed', ({ target, met, missed, text }) => {
  expect(isMet(target, met[0], met[1])).toBe(true);
  expect(isMet(target, missed[0], missed[1])).toBe(false);
  expect(describeTarget(target, 'MB')).toBe(text);
});

test('the median is the middle, and a percentile no less than its share', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([10, 1, 2, 4])).toBe(3);
  expect(median([])).toBeNaN();
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(hundred, 0.99)).toBe(99);
  expect(percentile(hundred, 0.5)).toBe(50);
  expect(percentile([7], 0.99)).toBe(7);
});

describe('the table', () => {
  it('shows each figure with its ratio, its target and the verdict', () => {
    const rows: Row[] = [
      { ...row, ours: 12_345, referenceName: 'theirs', reference: 6172.5, target: '≥ 2×' },
      { part: 'other', figure: 'slow', unit: 'ms', ours: 0.1234, verdict: '' },
    ];
    const lines = formatTable(rows, [{ ...row, ratio: 1 }]).split('\n');
    expect(lines[2]).toBe('PART');
    expect(lines[3]?.split(/ {2,}/)).toEqual([
      'speed',
      '12,345 /s',
      'theirs',
      '6,173 /s',
      '2.00×',
      '≥ 2×',
      'met',
      '+100 % better',
    ]);
    expect(lines[5]).toBe('OTHER');
    expect(lines[6]).toMatch(/^slow +0\.12 ms$/);
    expect(lines.at(-2)).toBe('1 of 1 targets met');
  });

  it('counts what was skipped in neither number', () => {
    const verdicts = ['met', 'missed', 'missed', 'skipped', ''] as const;
    expect(formatScore(verdicts.map((verdict) => ({ ...row, verdict })))).toBe(
      '1 of 3 targets met (1 skipped)',
    );
  });
});

describe('a change since the figures that are kept', () => {
  test.each<{ readonly now: Partial<Row>; readonly text: string | undefined }>([
    { now: { ratio: 2.5 }, text: '+25 % better' },
    { now: { ratio: 1.5 }, text: '−25 % worse' },
    { now: { ratio: 2.1 }, text: '+5 %' },
    { now: { ratio: 1.5, unit: 'ms' }, text: '−25 % better' },
    { now: { figure: 'new' }, text: undefined },
  ])('is told as $text', ({ now, text }) => {
    expect(describeChange({ ...row, ...now }, [row])).toBe(text);
  });

  it('is that of the value where there is no ratio', () => {
    const { ratio: _, ...alone } = row;
    expect(describeChange({ ...alone, ours: 20 }, [alone])).toBe('+100 % better');
  });
});

describe('results', () => {
  const machine = { cpu: 'x', cores: 2, memoryGiB: 8, system: 's', node: 'n', commit: 'c' };

  it('are read as they were written', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cube-test-'));
    const path = join(directory, 'below', 'results.json');
    expect(await readResults(path)).toBeUndefined();
    await writeResults(path, { machine, rows: [row] });
    expect(await readResults(path)).toEqual({ machine, rows: [row] });
    await rm(directory, { recursive: true });
  });

  it('of parts that were not run stay as they were', () => {
    const old = [row, { ...row, part: 'other' }];
    const fresh = [{ ...row, part: 'other', ours: 5 }];
    expect(mergeRows(old, fresh)).toEqual([row, ...fresh]);
  });
});
