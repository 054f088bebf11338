import { type TestAPI, test } from 'vitest';

/** Whether each fault comes many times over, as in `npm run test:long`, or only a few times. */
export const isLong: boolean = process.env['CUBE_LONG'] === '1';

/** What a run adds up, such as how often something was killed; `scripts/test-long.mjs` reads it. */
export function tell(figures: Readonly<Record<string, number>>): void {
  if (isLong) console.log(`FIGURES ${JSON.stringify(figures)}`);
}

/** A test that mostly waits: a few run side by side, but in a long run each has the machine. */
export const waitingTest: TestAPI | TestAPI['concurrent'] = isLong ? test : test.concurrent;
