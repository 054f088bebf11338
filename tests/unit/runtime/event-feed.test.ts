import { expect, test } from 'vitest';
import { EventFeed } from '../../../src/runtime/event-feed.ts';
import type { RuntimeEvent } from '../../../src/runtime/runtime.ts';

const changed = (taskId: string): RuntimeEvent => ({
  type: 'changed',
  key: { taskId, attempt: 1 },
});

test('hands over what was published since the subscription, in order', async () => {
  const feed = new EventFeed();
  feed.publish(changed('before'));
  const events = feed.subscribe(new AbortController().signal);
  feed.publish(changed('a'));
  feed.publish(changed('b'));
  expect((await events.next()).value).toEqual(changed('a'));
  expect((await events.next()).value).toEqual(changed('b'));
});

test('wakes a reader that waits', async () => {
  const feed = new EventFeed();
  const next = feed.subscribe(new AbortController().signal).next();
  feed.publish(changed('a'));
  expect((await next).value).toEqual(changed('a'));
});

test('merges events of one instance that wait', async () => {
  const feed = new EventFeed();
  const events = feed.subscribe(new AbortController().signal);
  for (const taskId of ['a', 'b', 'a', 'a']) feed.publish(changed(taskId));
  feed.close(new Error('The end.'));
  await expect(events.next()).rejects.toThrow('The end.');
});

test('a resync stands for all that waited', async () => {
  const feed = new EventFeed();
  const events = feed.subscribe(new AbortController().signal);
  feed.publish(changed('a'));
  feed.publish({ type: 'resync' });
  feed.publish(changed('b'));
  expect((await events.next()).value).toEqual({ type: 'resync' });
  expect((await events.next()).value).toEqual(changed('b'));
});

test('turns what a slow reader cannot take into one resync', async () => {
  const feed = new EventFeed();
  const events = feed.subscribe(new AbortController().signal);
  for (let index = 0; index <= 10_000; index += 1) feed.publish(changed(`${index}`));
  expect((await events.next()).value).toEqual({ type: 'resync' });
});

test("ends with the signal's reason, before and during a wait", async () => {
  const feed = new EventFeed();
  const why = new Error('Enough.');
  await expect(feed.subscribe(AbortSignal.abort(why)).next()).rejects.toBe(why);
  const abort = new AbortController();
  const next = feed.subscribe(abort.signal).next();
  abort.abort(why);
  await expect(next).rejects.toBe(why);
});

test('a reader that leaves is forgotten', async () => {
  const feed = new EventFeed();
  const events = feed.subscribe(new AbortController().signal);
  await events.return?.();
  feed.publish(changed('a'));
  expect(await events.next()).toEqual({ done: true, value: undefined });
});
