import { expect, it } from 'vitest';
import { PAST_PAGE, PastReader } from '../../../src/manager/past-reader.ts';

/** A log that notes what is read of it, and a present that has its turn when it is told to. */
function openReader() {
  const read: string[] = [];
  const turns: (() => void)[] = [];
  const repository = {
    events: async (after: number, limit: number) => {
      read.push(`${limit} after ${after}`);
      return [];
    },
    base: async () => {
      read.push('base');
      return { tasks: [], nodes: [] };
    },
    findEvent: async (revision: number) => {
      read.push(`event ${revision}`);
      return undefined;
    },
  };
  const reader = new PastReader(
    repository,
    () => new Promise<void>((resolve) => void turns.push(resolve)),
  );
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { reader, read, turns, settle };
}

it('the past is read one page at a time, each after the present has had its turns', async () => {
  const { reader, read, turns, settle } = openReader();
  const all = Promise.all([reader.events(0, 5), reader.base(), reader.events(7, 5)]);
  await settle();
  expect([read, turns.length]).toEqual([[], 1]);
  turns.shift()?.();
  await settle();
  expect([read, turns.length]).toEqual([['5 after 0'], 1]);
  turns.shift()?.();
  await settle();
  turns.shift()?.();
  await all;
  expect(read).toEqual(['5 after 0', 'base', '5 after 7']);
});

it('a page of the past is small, whoever asks for more', async () => {
  const { reader, read, turns, settle } = openReader();
  const page = reader.events(0, 10_000);
  await settle();
  turns.shift()?.();
  await page;
  expect(read).toEqual([`${PAST_PAGE} after 0`]);
});

it('one event is found at once', async () => {
  const { reader, read } = openReader();
  await reader.findEvent(3);
  expect(read).toEqual(['event 3']);
});
