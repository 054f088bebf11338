import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import type { Json, Store, StoredRecord, Transaction } from '../../src/store/store.ts';

/** A place where a store lives: what one opening wrote, the next one finds, if it is durable. */
interface StoreHome extends AsyncDisposable {
  open(): Promise<Store>;
}

export interface StoreSuiteOptions {
  readonly name: string;
  /** Whether data outlive the store object. */
  readonly isDurable: boolean;
  /** A new, empty home with the given collections. */
  readonly createHome: (collections: readonly string[]) => Promise<StoreHome>;
  /** How many random histories are compared with the model. */
  readonly runCount: number;
}

const collections = ['tasks', 'events'];

/** What every store must do, whatever it is made of. */
export function describeStore(options: StoreSuiteOptions): void {
  const { name, isDurable } = options;

  async function open(): Promise<Store> {
    const home = await options.createHome(collections);
    const store = await home.open();
    onTestFinished(async () => {
      await store.close();
      await home[Symbol.asyncDispose]();
    });
    return store;
  }

  describe(name, () => {
    describe('records', () => {
      test('come back as they were put, with version 1', async () => {
        const store = await open();
        await store.transact(put('a', { deep: [1, 'two', null, { three: true }] }));
        expect(await store.find('tasks', 'a')).toEqual({
          key: 'a',
          value: { deep: [1, 'two', null, { three: true }] },
          version: 1,
        });
      });

      test('are absent where nothing was put, also in the other collection', async () => {
        const store = await open();
        await store.transact(put('a', 1));
        expect(await store.find('tasks', 'b')).toBeUndefined();
        expect(await store.find('events', 'a')).toBeUndefined();
      });

      test('count their writes in their version', async () => {
        const store = await open();
        for (let write = 1; write <= 3; write += 1) await store.transact(put('a', write));
        expect(await store.find('tasks', 'a')).toEqual({ key: 'a', value: 3, version: 3 });
      });

      test('begin again at version 1 after their removal', async () => {
        const store = await open();
        await store.transact(put('a', 1));
        await store.transact(put('a', 2));
        await store.transact({ remove: [{ collection: 'tasks', key: 'a' }] });
        expect(await store.find('tasks', 'a')).toBeUndefined();
        await store.transact(put('a', 3));
        expect(await store.find('tasks', 'a')).toEqual({ key: 'a', value: 3, version: 1 });
      });

      test.each<[string, Json]>([
        ['null', null],
        ['an empty text', ''],
        ['a text with a lone surrogate and a NUL', 'a\ud800b\0c'],
        ['an emoji', '🧊'],
        ['the largest safe integer', Number.MAX_SAFE_INTEGER],
        ['a fraction', 0.1],
        ['a text of a megabyte', 'é'.repeat(500_000)],
        ['a key named __proto__', JSON.parse('{"__proto__":{"polluted":true}}')],
      ])('hold %s', async (_name, value) => {
        const store = await open();
        await store.transact(put('a', value));
        expect((await store.find('tasks', 'a'))?.value).toEqual(value);
      });

      test('leave out fields that are undefined, as JSON does', async () => {
        const store = await open();
        await store.transact(put('a', { kept: 1, gone: undefined }));
        const found = await store.find('tasks', 'a');
        expect(Object.keys(toObject(found?.value))).toEqual(['kept']);
      });

      test.each(['', 'with/slash', 'with\0nul', 'ünï', '🧊', '\ud800', '\uffff', "'; DROP"])(
        'are found under the key %j',
        async (key) => {
          const store = await open();
          await store.transact(put(key, 'here'));
          expect(await store.find('tasks', key)).toEqual({ key, value: 'here', version: 1 });
          expect(await store.list('tasks')).toEqual([{ key, value: 'here', version: 1 }]);
        },
      );

      test('that are asked for together are each what was asked for, or not there', async () => {
        const store = await openWithKeys(open, ['a', 'b', 'c']);
        await store.transact({ put: [{ collection: 'events', key: 'a', value: 'event' }] });
        const wanted = Array.from({ length: 100 }, (_, index) => 'xaybzc'[index % 6] ?? '');
        const found = await Promise.all([
          ...wanted.map((key) => store.find('tasks', key)),
          store.find('events', 'a'),
        ]);
        const event = { key: 'a', value: 'event', version: 1 };
        expect(found.pop()).toEqual(event);
        expect(found.map((record) => record?.key ?? '')).toEqual(
          wanted.map((key) => ('abc'.includes(key) ? key : '')),
        );
      });

      test('are not what the caller holds: later changes do not reach them', async () => {
        const store = await open();
        const value = { list: [1] };
        const pending = store.transact(put('a', value));
        value.list.push(2);
        await pending;
        value.list.push(3);
        expect((await store.find('tasks', 'a'))?.value).toEqual({ list: [1] });
      });

      test('are not what readers hold: what they change stays theirs', async () => {
        const store = await open();
        await store.transact(put('a', { list: [1] }));
        for (const record of [await store.find('tasks', 'a'), ...(await store.list('tasks'))]) {
          try {
            Reflect.set(toObject(record?.value), 'list', 'changed');
          } catch {
            // Frozen would do as well.
          }
        }
        expect((await store.find('tasks', 'a'))?.value).toEqual({ list: [1] });
      });
    });

    describe('a scan', () => {
      test('gives every record of its collection once, as JSON text', async () => {
        const store = await open();
        const records = Array.from({ length: 2500 }, (_, index) => ({
          collection: 'tasks',
          key: `${(index * 7919) % 2500}`,
          value: { index },
        }));
        await store.transact({ put: [...records, { collection: 'events', key: 'e', value: 1 }] });
        await store.transact({
          put: [{ collection: 'tasks', key: '17', value: 'changed' }],
          remove: [{ collection: 'tasks', key: '18' }],
        });
        const found = (await Array.fromAsync(store.scan('tasks'))).flat();
        const listed = await store.list('tasks', { limit: 10_000 });
        const byKey = found
          .map(({ key, text, version }) => ({ key, value: JSON.parse(text), version }))
          .sort((one, other) => (one.key < other.key ? -1 : 1));
        expect(byKey).toEqual(listed);
        expect(byKey).toHaveLength(2499);
      });

      test('of nothing gives nothing, and of an unknown collection is refused', async () => {
        const store = await open();
        expect((await Array.fromAsync(store.scan('tasks'))).flat()).toEqual([]);
        await expect(Array.fromAsync(store.scan('nowhere'))).rejects.toThrow('Broken belief');
      });
    });

    describe('a transaction', () => {
      test('changes several collections together', async () => {
        const store = await open();
        await store.transact(put('old', 0));
        await store.transact({
          put: [
            { collection: 'tasks', key: 'a', value: 1 },
            { collection: 'events', key: '1', value: 'a' },
          ],
          remove: [{ collection: 'tasks', key: 'old' }],
        });
        expect(await keys(store, 'tasks')).toEqual(['a']);
        expect(await keys(store, 'events')).toEqual(['1']);
      });

      test('may be empty', async () => {
        const store = await open();
        await store.transact({});
        expect(await store.count('tasks')).toBe(0);
      });

      test('passes over the removal of what is not there', async () => {
        const store = await open();
        await store.transact({ remove: [{ collection: 'tasks', key: 'none' }] });
        expect(await store.count('tasks')).toBe(0);
      });

      test('makes its puts in their order, then its removals', async () => {
        const store = await open();
        await store.transact({
          put: [
            { collection: 'tasks', key: 'a', value: 1 },
            { collection: 'tasks', key: 'a', value: 2 },
            { collection: 'tasks', key: 'b', value: 1 },
          ],
          remove: [{ collection: 'tasks', key: 'b' }],
        });
        expect(await store.list('tasks')).toEqual([{ key: 'a', value: 2, version: 2 }]);
        expect(await store.count('tasks')).toBe(1);
      });

      test('is refused whole when it names an unknown collection or has no JSON', async () => {
        const store = await open();
        const wrong: readonly Transaction[] = [
          { put: [...(put('a', 1).put ?? []), { collection: 'nowhere', key: 'a', value: 1 }] },
          { put: [...(put('a', 1).put ?? []), noJson()] },
          { ...put('a', 1), remove: [{ collection: 'nowhere', key: 'a' }] },
          { ...put('a', 1), compare: [{ collection: 'nowhere', key: 'a', version: 0 }] },
        ];
        for (const transaction of wrong) {
          await expect(store.transact(transaction)).rejects.toThrow('Broken belief');
        }
        expect(await store.count('tasks')).toBe(0);
        await store.transact(put('a', 1));
        expect(await store.list('tasks')).toEqual([{ key: 'a', value: 1, version: 1 }]);
      });

      test('may carry more records than a call can have arguments', async () => {
        const store = await open();
        const size = 150_000;
        await store.transact({
          put: Array.from({ length: size }, (_, key) => ({
            collection: 'tasks',
            key: String(key),
            value: key,
          })),
        });
        expect(await store.count('tasks')).toBe(size);
      });
    });

    describe('a comparison', () => {
      test.each([
        ['0 holds for what is not there', 'none', 0],
        ['holds for the version that is there', 'twice', 2],
      ])('with %s', async (_name, key, version) => {
        const store = await openWithTwice(open);
        await store.transact({
          compare: [{ collection: 'tasks', key, version }],
          ...put('new', 1),
        });
        expect(await store.find('tasks', 'new')).toBeDefined();
      });

      test.each([
        ['0 fails for what is there', 'twice', 0],
        ['fails for an older version', 'twice', 1],
        ['fails for a newer version', 'twice', 3],
        ['fails for a version of what is not there', 'none', 1],
      ])('with %s, and nothing is changed', async (_name, key, version) => {
        const store = await openWithTwice(open);
        const transaction = {
          compare: [
            { collection: 'tasks', key: 'twice', version: 2 },
            { collection: 'tasks', key, version },
            { collection: 'tasks', key: 'twice', version: 2 },
          ],
          put: [{ collection: 'tasks', key: 'new', value: 1 }],
          remove: [{ collection: 'tasks', key: 'twice' }],
        };
        const refusal = store.transact(transaction);
        await expect(refusal).rejects.toMatchObject({ code: 'storage-conflict' });
        await expect(refusal).rejects.toThrow(`tasks/${key}`);
        expect(await store.list('tasks')).toEqual([{ key: 'twice', value: 2, version: 2 }]);
      });

      test('sees what was there before the transaction, not its own puts', async () => {
        const store = await open();
        await store.transact({
          compare: [{ collection: 'tasks', key: 'a', version: 0 }],
          ...put('a', 1),
        });
        expect(await store.count('tasks')).toBe(1);
      });

      test('fails alone: transactions called with it are made', async () => {
        const store = await open();
        const outcomes = await Promise.allSettled([
          store.transact(put('before', 1)),
          store.transact({
            compare: [{ collection: 'tasks', key: 'before', version: 7 }],
            ...put('refused', 1),
          }),
          store.transact(put('after', 1)),
        ]);
        expect(outcomes.map(({ status }) => status)).toEqual([
          'fulfilled',
          'rejected',
          'fulfilled',
        ]);
        expect(await keys(store, 'tasks')).toEqual(['after', 'before']);
        expect(await store.count('tasks')).toBe(2);
      });

      test('lets one of many rivals through', async () => {
        const store = await open();
        const rivals = Array.from({ length: 50 }, (_, rival) =>
          store.transact({
            compare: [{ collection: 'tasks', key: 'seat', version: 0 }],
            ...put('seat', rival),
          }),
        );
        const outcomes = await Promise.allSettled(rivals);
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect(await store.find('tasks', 'seat')).toEqual({ key: 'seat', value: 0, version: 1 });
      });
    });

    describe('a list', () => {
      test('is in the order of code units, whatever the order of writing', async () => {
        const store = await open();
        const unordered = ['b', 'a', '\uffff', '🧊', '\ue000', 'B', '', 'aa', 'a\0', '10', '9'];
        for (const key of unordered) await store.transact(put(key, 0));
        const ordered = [...unordered].sort();
        expect(await keys(store, 'tasks')).toEqual(ordered);
        const reversed = await store.list('tasks', { reverse: true });
        expect(reversed.map(({ key }) => key)).toEqual([...ordered].reverse());
      });

      test('begins after a key, whether it is there or not', async () => {
        const store = await openWithKeys(open, ['a', 'c', 'e']);
        expect(await keys(store, 'tasks', { after: 'a' })).toEqual(['c', 'e']);
        expect(await keys(store, 'tasks', { after: 'b' })).toEqual(['c', 'e']);
        expect(await keys(store, 'tasks', { after: 'e' })).toEqual([]);
        expect(await keys(store, 'tasks', { after: '' })).toEqual(['a', 'c', 'e']);
      });

      test('ends before a key in reverse', async () => {
        const store = await openWithKeys(open, ['a', 'c', 'e']);
        expect(await keys(store, 'tasks', { after: 'e', reverse: true })).toEqual(['c', 'a']);
        expect(await keys(store, 'tasks', { after: 'd', reverse: true })).toEqual(['c', 'a']);
        expect(await keys(store, 'tasks', { after: 'a', reverse: true })).toEqual([]);
        expect(await keys(store, 'tasks', { limit: 1, reverse: true })).toEqual(['e']);
      });

      test('read page by page gives each record once, in both directions', async () => {
        const all = Array.from({ length: 25 }, (_, index) => String(index).padStart(2, '0'));
        const store = await openWithKeys(open, all);
        for (const reverse of [false, true]) {
          const seen: string[] = [];
          for (;;) {
            const after = seen.at(-1);
            const page = await keys(store, 'tasks', {
              limit: 10,
              reverse,
              ...(after === undefined ? {} : { after }),
            });
            seen.push(...page);
            if (page.length < 10) break;
          }
          expect(seen).toEqual(reverse ? [...all].reverse() : all);
        }
      });

      test('has 1,000 records at most unless told otherwise, and 10,000 if told', async () => {
        const store = await open();
        await store.transact({
          put: Array.from({ length: 10_050 }, (_, key) => ({
            collection: 'tasks',
            key: String(key),
            value: 0,
          })),
        });
        expect(await store.list('tasks')).toHaveLength(1000);
        expect(await store.list('tasks', { limit: 10_000 })).toHaveLength(10_000);
        const ordered = Array.from({ length: 10_050 }, (_, key) => String(key)).sort();
        for (const limit of [999, 1000, 1001, 2000, 2500]) {
          const first = ordered.slice(7000, 7000 + limit);
          expect(await keys(store, 'tasks', { after: ordered[6999] ?? '', limit })).toEqual(first);
          const reversed = ordered.slice(0, 7000).toReversed().slice(0, limit);
          const before = { after: ordered[7000] ?? '', limit, reverse: true };
          expect(await keys(store, 'tasks', before)).toEqual(reversed);
        }
      });

      test.each([0, -1, 1.5, Number.NaN, 10_001])('refuses a limit of %s', async (limit) => {
        const store = await open();
        await expect(store.list('tasks', { limit })).rejects.toThrow('1 to 10000');
      });

      test('of an unknown collection is refused, as are count and find', async () => {
        const store = await open();
        await expect(store.list('nowhere')).rejects.toThrow('nowhere');
        await expect(store.count('nowhere')).rejects.toThrow('nowhere');
        await expect(store.find('nowhere', 'a')).rejects.toThrow('nowhere');
      });
    });

    describe('calls that overlap', () => {
      test('are made in the order of the calls', async () => {
        const store = await open();
        const order: number[] = [];
        await Promise.all(
          Array.from({ length: 200 }, async (_, index) => {
            await store.transact(put('last', index));
            order.push(index);
          }),
        );
        expect(order).toEqual(Array.from({ length: 200 }, (_, index) => index));
        expect(await store.find('tasks', 'last')).toEqual({
          key: 'last',
          value: 199,
          version: 200,
        });
      });

      test.each([0, 2500])(
        'never show a transaction by half, with %s records between',
        async (count) => {
          const store = await open();
          const between = Array.from({ length: count }, (_, index) => `m ${index}`);
          await store.transact({
            put: between.map((key) => ({ collection: 'tasks', key, value: 0 })),
          });
          const reading = { isOver: false };
          const reader = async (): Promise<void> => {
            while (!reading.isOver) {
              const records = await store.list('tasks', { limit: 10_000 });
              if (records[0]?.key === 'left') expect(records.at(-1)?.value).toBe(records[0].value);
            }
          };
          const readers = [reader(), reader()];
          for (let value = 0; value < 100; value += 1) {
            await store.transact({
              put: ['left', 'right'].map((key) => ({ collection: 'tasks', key, value })),
            });
          }
          reading.isOver = true;
          await Promise.all(readers);
        },
      );
    });

    describe('close', () => {
      test('waits for what was called before it', async () => {
        const store = await open();
        const pending = Array.from({ length: 20 }, (_, index) =>
          store.transact(put(String(index), index)),
        );
        const found = store.find('tasks', 'nowhere');
        await store.close();
        await expect(Promise.all(pending)).resolves.toHaveLength(20);
        expect(await found).toBeUndefined();
      });

      test('may be called again, also while the first call waits', async () => {
        const store = await open();
        await Promise.all([store.close(), store.close()]);
        await store.close();
      });

      test('ends every other call with storage-closed', async () => {
        const store = await open();
        const closing = store.close();
        for (const isClosed of [false, true]) {
          if (isClosed) await closing;
          const calls = [
            store.transact(put('a', 1)),
            store.find('tasks', 'a'),
            store.list('tasks'),
            store.count('tasks'),
            store.sizeBytes(),
          ];
          for (const outcome of await Promise.allSettled(calls)) {
            const error = outcome.status === 'rejected' ? outcome.reason : undefined;
            expect(isCubeError(error, 'storage-closed')).toBe(true);
          }
        }
      });
    });

    test('says how much room it takes', async () => {
      const store = await open();
      const size = await store.sizeBytes();
      expect(isDurable ? size > 0 : size === 0).toBe(true);
    });

    if (isDurable) {
      test('keeps everything for the next opening', async () => {
        const home = await options.createHome(collections);
        await using _home = home;
        const before = await home.open();
        await before.transact(put('a', 1));
        await before.transact({ ...put('a', 2), remove: [{ collection: 'tasks', key: 'none' }] });
        await before.transact({ put: [{ collection: 'events', key: '\ud800', value: ['x'] }] });
        await before.close();
        const after = await home.open();
        expect(await after.list('tasks')).toEqual([{ key: 'a', value: 2, version: 2 }]);
        expect(await after.list('events')).toEqual([{ key: '\ud800', value: ['x'], version: 1 }]);
        expect([await after.count('tasks'), await after.count('events')]).toEqual([1, 1]);
        await after.close();
      });
    }

    test('agrees with a plain map on every history', async () => {
      const store = await open();
      await fc.assert(
        fc.asyncProperty(fc.array(historyStep, { maxLength: 25 }), async (steps) => {
          await empty(store);
          await compareWithModel(store, steps);
        }),
        { numRuns: options.runCount },
      );
    });
  });
}

const keyArbitrary = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
);
const placeArbitrary = fc.record({
  collection: fc.constantFrom(...collections),
  key: keyArbitrary,
});
const historyStep = fc.record({
  compare: fc.array(
    fc.record({
      collection: fc.constantFrom(...collections),
      key: keyArbitrary,
      version: fc.nat({ max: 3 }),
    }),
    { maxLength: 2 },
  ),
  put: fc.array(
    fc.record({
      collection: fc.constantFrom(...collections),
      key: keyArbitrary,
      value: fc.jsonValue({ maxDepth: 2 }),
    }),
    { maxLength: 4 },
  ),
  remove: fc.array(placeArbitrary, { maxLength: 2 }),
  /** Whether the next step waits for this one. */
  isAwaited: fc.boolean(),
});

type HistoryStep = typeof historyStep extends fc.Arbitrary<infer Step> ? Step : never;
type Model = Map<string, Map<string, StoredRecord>>;

async function compareWithModel(store: Store, steps: readonly HistoryStep[]): Promise<void> {
  const model: Model = new Map(collections.map((name) => [name, new Map()]));
  const pending: Promise<void>[] = [];
  for (const { isAwaited, put: puts, ...rest } of steps) {
    const transaction = { ...rest, put: puts.map((one) => ({ ...one, value: toJson(one.value) })) };
    const isMade = applyToModel(model, transaction);
    const outcome = store.transact(transaction).then(
      () => 'made',
      (error: unknown) => (isCubeError(error) ? error.code : 'unexpected'),
    );
    pending.push(outcome.then((found) => expect(found).toBe(isMade ? 'made' : 'storage-conflict')));
    if (isAwaited) await outcome;
  }
  await Promise.all(pending);
  for (const [collection, records] of model) {
    const ordered = [...records.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    expect(await store.count(collection)).toBe(records.size);
    expect(await store.list(collection)).toEqual(ordered);
    expect(await store.list(collection, { reverse: true })).toEqual(ordered.toReversed());
    const [bound] = records.keys();
    if (bound === undefined) continue;
    const later = ordered.filter(({ key }) => key > bound);
    const earlier = ordered.filter(({ key }) => key < bound).toReversed();
    expect(await store.list(collection, { after: bound })).toEqual(later);
    expect(await store.list(collection, { after: bound, reverse: true })).toEqual(earlier);
    expect(await store.find(collection, bound)).toEqual(records.get(bound));
  }
}

function applyToModel(model: Model, { compare = [], put: puts = [], remove = [] }: Transaction) {
  const find = (collection: string, key: string) => model.get(collection)?.get(key);
  const holds = compare.every(
    ({ collection, key, version }) => (find(collection, key)?.version ?? 0) === version,
  );
  if (!holds) return false;
  for (const { collection, key, value } of puts) {
    const version = (find(collection, key)?.version ?? 0) + 1;
    model.get(collection)?.set(key, { key, value, version });
  }
  for (const { collection, key } of remove) model.get(collection)?.delete(key);
  return true;
}

/** Removes everything, so that one store serves all histories. */
async function empty(store: Store): Promise<void> {
  for (const collection of collections) {
    const remove = (await store.list(collection)).map(({ key }) => ({ collection, key }));
    await store.transact({ remove });
  }
}

/** What JSON makes of a value: -0, for one, becomes 0. */
function toJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

function put(key: string, value: Json): Transaction {
  return { put: [{ collection: 'tasks', key, value }] };
}

/** A put whose value JSON cannot carry, as a caller without types might make it. */
function noJson(): { collection: string; key: string; value: Json } {
  const put = { collection: 'tasks', key: 'b', value: 0 };
  Reflect.set(put, 'value', undefined);
  return put;
}

function toObject(value: Json | undefined): object {
  return typeof value === 'object' && value !== null ? value : {};
}

async function keys(
  store: Store,
  collection: string,
  options?: Parameters<Store['list']>[1],
): Promise<readonly string[]> {
  return (await store.list(collection, options)).map(({ key }) => key);
}

async function openWithKeys(
  open: () => Promise<Store>,
  present: readonly string[],
): Promise<Store> {
  const store = await open();
  await store.transact({
    put: present.map((key) => ({ collection: 'tasks', key, value: key })),
  });
  return store;
}

async function openWithTwice(open: () => Promise<Store>): Promise<Store> {
  const store = await open();
  await store.transact(put('twice', 1));
  await store.transact(put('twice', 2));
  return store;
}
