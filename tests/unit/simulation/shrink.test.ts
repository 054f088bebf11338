import { describe, expect, it } from 'vitest';
import { linesAbout } from '../../../src/simulation/diagnosis/diagnose.ts';
import { shrink } from '../../../src/simulation/diagnosis/shrink.ts';

const numbers = Array.from({ length: 100 }, (_, index) => index);

describe('shrinking a list', () => {
  it('leaves what is needed to fail, in its order', async () => {
    const fails = async (items: readonly number[]) =>
      [3, 50, 51, 97].every((one) => items.includes(one));
    expect(await shrink(numbers, fails, 1000)).toEqual([3, 50, 51, 97]);
  });

  it('leaves nothing where nothing is needed', async () => {
    expect(await shrink(numbers, async () => true, 1000)).toEqual([]);
  });

  it('stops after so many tries, with a list that fails', async () => {
    let tries = 0;
    const left = await shrink(
      numbers,
      async (items) => {
        tries += 1;
        return items.includes(7);
      },
      5,
    );
    expect(tries).toBe(5);
    expect(left).toContain(7);
    expect(left.length).toBeLessThan(30);
  });
});

describe('the lines about a violation', () => {
  it('are those of its tasks, and the faults', () => {
    const id = '12345678-1234-4234-8234-123456789012';
    const trace = [
      '1 {"taskId":"other"}',
      `2 {"revision":7,"taskId":"${id}"}`,
      '3 fault 0: manager-killed',
    ];
    expect(linesAbout(`[atomic] task ${id} is lost`, trace)).toEqual(trace.slice(1));
    expect(linesAbout('[ports] at revision 7: twice', trace)).toEqual(trace.slice(1));
  });
});
