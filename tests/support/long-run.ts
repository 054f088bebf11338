/** Whether each fault comes many times over, as in `npm run test:long`, or only a few times. */
export const isLong: boolean = process.env['CUBE_LONG'] === '1';

/** What a run adds up, such as how often something was killed; `scripts/test-long.mjs` reads it. */
export function tell(figures: Readonly<Record<string, number>>): void {
  if (isLong) console.log(`FIGURES ${JSON.stringify(figures)}`);
}
