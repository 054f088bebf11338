import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMoment } from '../../../src/cli/parse-moment.ts';

const now = new Date(2030, 0, 31, 12, 30).getTime();
const read = (text: string) => parseMoment('--at', text, now);
const local = (...parts: [number, number, number, number, number]): string =>
  new Date(...parts).toISOString();

describe('a moment', () => {
  test.each<[string, string | number]>([
    ['1234', 1234],
    ['0', 0],
    ['now', new Date(now).toISOString()],
    ['10 minutes ago', new Date(now - 600_000).toISOString()],
    ['1 hour ago', new Date(now - 3_600_000).toISOString()],
    ['2 days ago', new Date(now - 2 * 86_400_000).toISOString()],
    ['1h30m ago', new Date(now - 5_400_000).toISOString()],
    ['1h30m', new Date(now - 5_400_000).toISOString()],
    ['03:00', local(2030, 0, 31, 3, 0)],
    ['3:05', local(2030, 0, 31, 3, 5)],
    // Not yet today, so yesterday.
    ['23:00', local(2030, 0, 30, 23, 0)],
    ['2030-01-30 03:00', local(2030, 0, 30, 3, 0)],
    ['2030-01-30', local(2030, 0, 30, 0, 0)],
    ['2030-01-30T03:00:00Z', '2030-01-30T03:00:00.000Z'],
    ['2030-01-30T03:00:00+02:00', '2030-01-30T01:00:00.000Z'],
  ])('may be written as %s', (text, wanted) => {
    expect(read(text)).toBe(wanted);
  });

  test.each([
    '',
    'yesterday',
    '10 minutes',
    '-1',
    '1.5',
    '24:00',
    '03:60',
    '2029-02-30',
    '2029-13-01 03:00',
    '10 parsecs ago',
    'ago',
  ])('is not %j, and it is said what is wanted', (text) => {
    expect(() => read(text)).toThrowError(
      expect.objectContaining({
        code: 'configuration',
        hint: expect.stringContaining('--at "10 minutes ago"'),
      }),
    );
  });

  test('is none that is yet to come, but for the difference of two clocks', () => {
    expect(() => read('2031-01-01')).toThrowError('--at is "2031-01-01", which is yet to come.');
    expect(read('2030-01-31 12:30:50')).toBe(new Date(now + 50_000).toISOString());
  });

  test('is read or refused, whatever is given', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const moment = read(text);
          if (typeof moment === 'string') expect(Date.parse(moment)).not.toBeNaN();
        } catch (error) {
          expect(error).toMatchObject({ code: 'configuration' });
        }
      }),
    );
  });
});
