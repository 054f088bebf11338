import { describe, expect, it } from 'vitest';
import { untilVisible, whileVisible } from '../../../src/dashboard/model/page-visibility.ts';
import { fakeDocument } from './fake-document.ts';

describe('a page that nobody sees', () => {
  it('lets go of its connection, and takes it up when it is seen', async () => {
    const document = fakeDocument();
    const stop = new AbortController();
    const first = whileVisible(document, stop.signal);
    expect(first.signal.aborted).toBe(false);
    document.turn('hidden');
    expect(first.signal.aborted).toBe(true);
    first.release();
    let isSeen = false;
    const seen = untilVisible(document, stop.signal).then(() => {
      isSeen = true;
    });
    await Promise.resolve();
    expect(isSeen).toBe(false);
    document.turn('visible');
    await seen;
    expect(whileVisible(document, stop.signal).signal.aborted).toBe(false);
  });

  it('waits no longer than it is asked to', async () => {
    const document = fakeDocument();
    document.turn('hidden');
    const stop = new AbortController();
    const seen = untilVisible(document, stop.signal);
    stop.abort(new Error('closed'));
    await expect(seen).rejects.toThrow('closed');
    expect(whileVisible(document, stop.signal).signal.aborted).toBe(true);
  });
});
