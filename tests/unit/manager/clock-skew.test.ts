import { expect, test } from 'vitest';
import { ClockSkew } from '../../../src/manager/clock-skew.ts';

const at = (ms: number): string => new Date(ms).toISOString();

test('a clock is judged by the time that was fastest on its way', () => {
  const skew = new ClockSkew();
  expect(skew.ms).toBe(0);
  for (const delayMs of [4000, 300, 9000]) skew.note(at(1_000_000), 1_000_000 + delayMs);
  expect(skew.ms).toBe(-300);
});

test('a clock that was set right is seen as right after some words', () => {
  const skew = new ClockSkew();
  skew.note(at(5_000_000), 1_000_000);
  expect(skew.ms).toBe(4_000_000);
  for (let word = 0; word < 8; word += 1) skew.note(at(1_000_000), 1_000_010);
  expect(skew.ms).toBe(-10);
});
