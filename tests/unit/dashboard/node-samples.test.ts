import { describe, expect, it } from 'vitest';
import { linePath, samplesOf, withHeartbeat } from '../../../src/dashboard/model/node-samples.ts';
import { eventReplyOf, nodeReplyOf } from '../../support/task-replies.ts';

const used = { cpu: 1, memory: 2, disk: 3 };
const time = (second: number): string => new Date(second * 1000).toISOString();

describe("a node's use over time", () => {
  it('is what its events have recorded', () => {
    const events = [
      eventReplyOf({ type: 'node-observed', node: 'a', time: time(1), facts: { observed: used } }),
      eventReplyOf({ type: 'node-observed', node: 'b', time: time(2), facts: { observed: used } }),
      eventReplyOf({ type: 'node-observed', node: 'a', time: time(3), facts: { observed: null } }),
    ];
    expect(samplesOf(events, 'a')).toEqual([{ timeMs: 1000, used }]);
  });

  it('grows with each heartbeat, once, and not without end', () => {
    const heartbeat = (second: number) =>
      nodeReplyOf({ stats: { used, load: 1, taskCount: 0, time: time(second) } });
    let samples = withHeartbeat([], heartbeat(1));
    samples = withHeartbeat(samples, heartbeat(1));
    expect(samples).toHaveLength(1);
    expect(withHeartbeat(samples, nodeReplyOf())).toBe(samples);
    for (let second = 2; second < 1000; second += 1) {
      samples = withHeartbeat(samples, heartbeat(second));
    }
    expect(samples).toHaveLength(300);
    expect(samples.at(-1)?.timeMs).toBe(999_000);
  });

  it('is drawn within its box', () => {
    const box = { width: 100, height: 10, valueMax: 4 };
    const points = [
      { at: 10, value: 0 },
      { at: 15, value: 2 },
      { at: 20, value: 8 },
    ];
    expect(linePath(points, box)).toBe('M0.0 10.0L50.0 5.0L100.0 0.0');
    expect(linePath([{ at: 10, value: 2 }], box)).toBe('M0.0 5.0L100.0 5.0');
    expect(linePath([], box)).toBe('');
  });
});
