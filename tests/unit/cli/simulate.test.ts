import { expect, test } from 'vitest';
import { cli } from '../../support/cli.ts';

test('cube simulate runs seeds on threads and sums up what they were about', async () => {
  const { exitCode, stdout } = await cli(['simulate', '--seeds', '3', '--first-seed', '19']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^3 seeds \(1 twice\) in .* virtual days .* faults .*in 0 seeds\n$/);
});

test('cube simulate --seed --trace prints the whole history, the same each time', async () => {
  const [first, again] = [
    await cli(['simulate', '--seed', '3', '--trace']),
    await cli(['simulate', '--seed', '3', '--trace']),
  ];
  expect(first.stdout).toContain('"type":"manager-started"');
  const history = (text: string) => text.split('\n').slice(0, -2);
  expect(history(again.stdout)).toEqual(history(first.stdout));
});

test('cube simulate that is interrupted sums up what it did, and does not pass for done', async () => {
  const interrupt = AbortSignal.abort();
  const { exitCode, stdout } = await cli(['simulate', '--seeds', '90'], { interrupt });
  expect(exitCode).toBe(130);
  expect(stdout).toMatch(/^1 seeds /);
});

test.for([
  [['--seeds', '0'], '--seeds'],
  [['--seed', '1', '--seeds', '2'], '--seed'],
  [['--trace'], '--trace'],
] as const)('cube simulate %j is refused, and the flag named', async ([flags, named]) => {
  const { exitCode, stderr } = await cli(['simulate', ...flags]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(named);
});
