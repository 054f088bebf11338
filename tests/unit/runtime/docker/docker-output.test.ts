import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineOrder } from '../../../../src/runtime/docker/line-order.ts';
import { FrameReader } from '../../../../src/runtime/docker/log-frames.ts';
import { TimedLines } from '../../../../src/runtime/docker/timed-lines.ts';

function frame(kind: number, text: string | Buffer): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt8(kind, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

const T1 = '2026-03-01T10:00:00.000000001Z';
const T2 = '2026-03-01T10:00:00.000000002Z';

describe('the stream of both outputs', () => {
  test('gives the same lines however it is cut into pieces', async () => {
    const bytes = Buffer.concat([
      frame(1, `${T1} one\n`),
      frame(2, `${T2} zwei ✓\n`),
      frame(1, `${T2} three begins `),
      frame(2, `${T2} between\n`),
      frame(1, `${T2} and ends\n`),
      frame(1, ''),
      frame(1, `${T2} no newline`),
    ]);
    await fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const lines = new TimedLines();
        const given = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          given.push(...lines.push(bytes.subarray(at, at + size)));
          at += size;
        }
        given.push(...lines.flush());
        expect(given).toEqual([
          { stream: 'stdout', time: T1, text: 'one' },
          { stream: 'stderr', time: T2, text: 'zwei ✓' },
          { stream: 'stderr', time: T2, text: 'between' },
          { stream: 'stdout', time: T2, text: 'three begins and ends' },
          { stream: 'stdout', time: T2, text: 'no newline' },
        ]);
      }),
    );
  });

  test('gives a long line, that comes in several messages, the time of its first', () => {
    const lines = new TimedLines();
    const bytes = Buffer.concat([frame(1, `${T1} begins `), frame(1, `${T2} ends\n`)]);
    expect(lines.push(bytes)).toEqual([{ stream: 'stdout', time: T1, text: 'begins ends' }]);
  });

  test('takes a message without a time stamp as it is', () => {
    const lines = new TimedLines();
    const text = 'x'.repeat(50);
    expect(lines.push(frame(1, `${text}\n`))).toEqual([{ stream: 'stdout', time: '', text }]);
  });

  test('holds nothing of a message that claims to be of 4 GiB', () => {
    const reader = new FrameReader();
    const header = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    expect(reader.push(header)).toEqual([]);
    for (let count = 0; count < 100; count += 1) {
      const [piece, ...others] = reader.push(Buffer.alloc(65_536));
      expect(piece?.bytes.length).toBe(65_536);
      expect(others).toEqual([]);
    }
  });

  test('is refused when it is none', () => {
    expect(() => new FrameReader().push(Buffer.from('plain text'))).toThrow('not known');
  });

  test('has errors of the engine itself on the error output', () => {
    const [piece] = new FrameReader().push(frame(3, 'error from daemon'));
    expect(piece?.stream).toBe('stderr');
  });
});

describe('the order of lines', () => {
  const line = (time: string, text: string) => ({ stream: 'stdout' as const, time, text });

  test('is that of their times, and as they came where these are the same', () => {
    const order = new LineOrder();
    expect(order.push([line(T2, 'b'), line(T1, 'a')])).toEqual([]);
    expect(order.push([line(T2, 'c')])).toEqual([]);
    expect(order.heldCount).toBe(3);
    expect(order.flush().map(({ text }) => text)).toEqual(['a', 'b', 'c']);
    expect(order.heldCount).toBe(0);
  });

  test('holds a bounded number of lines, and loses none', () => {
    const order = new LineOrder();
    const given = [];
    for (let count = 0; count < 5000; count += 1) {
      given.push(...order.push([line(`${T1.slice(0, 20)}${String(count).padStart(9, '0')}Z`, '')]));
      expect(order.heldCount).toBeLessThanOrEqual(1000);
    }
    given.push(...order.flush());
    expect(given).toHaveLength(5000);
    expect(given.map(({ time }) => time)).toEqual(given.map(({ time }) => time).toSorted());
  });
});
