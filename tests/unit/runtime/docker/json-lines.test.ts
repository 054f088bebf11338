import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { endWhenSilent, readJsonLines } from '../../../../src/runtime/docker/json-lines.ts';
import { VirtualClock } from '../../../../src/simulation/virtual-clock.ts';

async function readAll(stream: Readable): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of readJsonLines(stream)) values.push(value);
  return values;
}

describe('lines of JSON', () => {
  test('are read however they are cut, the last without a newline too', async () => {
    const bytes = Buffer.from('{"a":"✓"}\r\n\n[1]\nno json\n{"b":2}');
    const single = Array.from(bytes, (byte) => Buffer.from([byte]));
    const wanted = [{ a: '✓' }, [1], { b: 2 }];
    expect(await readAll(Readable.from([bytes]))).toEqual(wanted);
    expect(await readAll(Readable.from(single))).toEqual(wanted);
  });

  test('without end are given up', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536, 'x');
      })(),
    );
    await expect(readAll(endless)).rejects.toThrow('more than 1 MiB');
    expect(endless.destroyed).toBe(true);
  });

  test('that stop coming are given up after the silence allowed, counted anew by each', async () => {
    const clock = new VirtualClock();
    const stream = new Readable({ read: () => undefined });
    endWhenSilent(stream, { silenceMs: 1000, clock, error: () => new Error('silent') });
    const reading = readAll(stream).catch((error: unknown) => error);
    await clock.advance(900);
    stream.push('{}\n');
    await clock.advance(900);
    expect(stream.destroyed).toBe(false);
    await clock.advance(200);
    expect(await reading).toEqual(new Error('silent'));
    expect(clock.timerCount).toBe(0);
  });
});
