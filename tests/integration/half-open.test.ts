import { expect, test } from 'vitest';
import { createCubeClient } from '../../src/client/cube-client.ts';
import { createWorkerClient } from '../../src/client/worker-client.ts';
import { createManagerServer } from '../../src/http/manager-server.ts';
import { noopLogger } from '../../src/lib/logger.ts';
import { Manager } from '../../src/manager/manager.ts';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import { eventually } from '../support/eventually.ts';
import { factsOf, startOddWorker } from '../support/odd-worker.ts';
import { halfOpenAnswers, startRawServer } from '../support/raw-server.ts';
import { openStallingProxy } from '../support/stalling-proxy.ts';

// What answers neither well nor not at all: every call has its time and its size, and one peer that
// hangs is nobody else's matter.

const origin = { requestId: 'test' };
const kinds = ['silence', 'half', 'drip', 'flood'] as const;

test.each([
  ['silence', 'unreachable', /did not answer within 0\.3 s/],
  ['half', 'unreachable', /did not answer within 0\.3 s/],
  ['drip', 'unreachable', /did not answer within 0\.3 s/],
  ['flood', 'bad-reply', /longer than 67108864 bytes/],
] as const)(
  'a client does not wait for a manager that answers with %s',
  async (kind, code, words) => {
    await using server = await startRawServer(halfOpenAnswers[kind]);
    const timeoutMs = kind === 'flood' ? 30_000 : 300;
    const client = createCubeClient({ url: server.url, timeoutMs });
    const calls = [client.status(), client.submit({ name: 'job', command: 'true' })];
    for (const end of await Promise.allSettled(calls)) {
      const reason = { code, message: expect.stringMatching(words) };
      expect(end).toMatchObject({ status: 'rejected', reason });
    }
  },
);

test('workers that hang in every way hold up neither the node that is well nor its orders', async () => {
  await using stack = new AsyncDisposableStack();
  const store = new MemoryStore();
  const manager = new Manager({ store, link: createWorkerClient(), nodeTimeoutMs: 1000 });
  stack.defer(() => manager.stop());
  await manager.start();
  const well = stack.use(await startOddWorker(() => ({})));
  await manager.join({ protocol: 1, facts: factsOf(well.url) });
  for (const [index, kind] of kinds.entries()) {
    const server = stack.use(await startRawServer(halfOpenAnswers[kind]));
    const id = `11111111-1111-4111-8111-11111111111${index}`;
    await manager.join({ protocol: 1, facts: factsOf(server.url, { name: kind, id }) });
  }
  const livenessOf = (name: string) =>
    manager.listNodes().find(({ node }) => node.name === name)?.node;
  await eventually('the good one is up', () => livenessOf('worker-1')?.liveness === 'up');
  await eventually('all others are down', () =>
    kinds.every((kind) => livenessOf(kind)?.liveness === 'down'),
  );
  for (const kind of kinds) expect(livenessOf(kind)?.livenessReason).toMatch(/heard|longer/);
  const spec = taskSpecSchema.parse({ name: 'job', command: 'true' });
  const { task } = await manager.submit({ spec }, origin);
  await eventually('it is ordered', () =>
    well.requests.some(({ method, body }) => method === 'POST' && body.includes(task.id)),
  );
  const isLoss = { node: 'worker-1', type: 'node-became-unreachable' };
  const events = await store.list('events', { limit: 1000 });
  expect(events.map(({ value }) => value)).not.toContainEqual(expect.objectContaining(isLoss));
});

test('orders that a worker takes and never confirms are given again, while others get theirs', async () => {
  await using stack = new AsyncDisposableStack();
  const manager = new Manager({
    store: new MemoryStore(),
    link: createWorkerClient({ timeoutMs: 300 }),
    nodeTimeoutMs: 1000,
  });
  stack.defer(() => manager.stop());
  await manager.start();
  let isHanging = true;
  const mute = stack.use(
    await startOddWorker(() => ({ facts: { name: 'mute' }, isMute: isHanging })),
  );
  const id = '22222222-2222-4222-8222-222222222222';
  const well = stack.use(await startOddWorker(() => ({ facts: { name: 'well', id } })));
  await manager.join({ protocol: 1, facts: factsOf(mute.url, { name: 'mute' }) });
  await manager.join({ protocol: 1, facts: factsOf(well.url, { name: 'well', id }) });
  const orderTo = async (name: string): Promise<string> => {
    const constraints = [`node.name == ${name}`];
    const spec = taskSpecSchema.parse({ name: 'job', command: 'true', constraints });
    return (await manager.submit({ spec }, origin)).task.id;
  };
  const countOf = (stub: typeof well, task: string): number =>
    stub.requests.filter(({ method, body }) => method === 'POST' && body.includes(task)).length;
  const held = await orderTo('mute');
  await eventually('it is ordered again', () => countOf(mute, held) >= 2);
  const other = await orderTo('well');
  await eventually('the other is ordered', () => countOf(well, other) === 1);
  isHanging = false;
  const before = countOf(mute, held);
  await eventually('it is ordered once more', () => countOf(mute, held) > before);
  expect(manager.listNodes().map(({ node }) => node.liveness)).toEqual(['up', 'up']);
});

test('a stream of events that stalls is opened again where it was: no gap, no repeat', async () => {
  await using stack = new AsyncDisposableStack();
  const manager = new Manager({ store: new MemoryStore(), link: createWorkerClient() });
  stack.defer(() => manager.stop());
  await manager.start();
  const ports = { served: 0 };
  const proxy = stack.use(await openStallingProxy(() => ports.served));
  const server = await createManagerServer({
    service: manager,
    logger: noopLogger,
    version: '0.0.0',
    hasProcessMetrics: false,
    doors: { names: [`127.0.0.1:${proxy.port}`] },
  });
  stack.defer(() => server.close());
  ports.served = (await server.listen({ host: '127.0.0.1', port: 0 })).port;
  const clock = new VirtualClock();
  const ending = new AbortController();
  stack.defer(() => ending.abort());
  const client = createCubeClient({ url: `http://127.0.0.1:${proxy.port}`, clock });
  const revisions: number[] = [];
  const interruptions: string[] = [];
  const followed = (async () => {
    const { signal } = ending;
    const onInterrupted = ({ error }: { readonly error?: Error }): void =>
      void interruptions.push(error?.message ?? '');
    for await (const { revision } of client.events({ after: 0, signal, onInterrupted })) {
      revisions.push(revision);
    }
  })().catch((error: unknown) => {
    if (!ending.signal.aborted) throw error;
  });
  const submit = async (): Promise<number> => {
    const spec = taskSpecSchema.parse({ name: 'job', command: 'true' });
    return (await manager.submit({ spec }, origin)).task.revision;
  };
  const first = await submit();
  await eventually('it is followed', () => (revisions.at(-1) ?? 0) >= first);

  expect(proxy.stall()).toBe(1);
  await submit();
  await clock.advance(44_000);
  expect(interruptions).toEqual([]);
  await eventually('it is noticed', async () => {
    await clock.advance(1000);
    return interruptions.length === 1;
  });
  expect(interruptions[0]).toContain('did not answer within 45 s');
  await clock.advance(250);
  const last = await submit();
  await eventually('it goes on', () => (revisions.at(-1) ?? 0) >= last);
  expect(revisions).toEqual(Array.from({ length: revisions.length }, (_, index) => index + 1));
  ending.abort();
  await followed;
});
