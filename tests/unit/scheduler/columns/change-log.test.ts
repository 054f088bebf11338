import { describe, expect, it } from 'vitest';
import { ChangeLog } from '../../../../src/scheduler/columns/change-log.ts';

describe('a log of changes', () => {
  it('tells from any position on what it still reaches, and is bounded', () => {
    const log = new ChangeLog(10);
    for (let change = 0; change < 1000; change += 1) {
      log.add(change % 7);
      expect(log.end).toBe(change + 1);
      expect(log.reaches(log.end - 10) || change < 10).toBe(true);
      expect(log.at(change)).toBe(change % 7);
    }
    expect(log.reaches(0)).toBe(false);
    expect(log.at(991)).toBe(991 % 7);
  });
});
