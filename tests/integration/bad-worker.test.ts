import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createWorkerClient } from '../../src/client/worker-client.ts';
import { Manager } from '../../src/manager/manager.ts';
import type { NodeFacts } from '../../src/node/node.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import { taskId } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { type HttpStub, sendJson, startHttpStub } from '../support/http-stub.ts';

// Whatever answers at a worker's address, the manager stays well: the node is not up, says why, and
// is up again as soon as a worker answers there.

const WORKER_ID = '6be4cb6b-61d1-40cb-bc7b-9cacefefa60c';
const GIB = 1024 ** 3;

function factsOf(address: string, more: Partial<NodeFacts> = {}): NodeFacts {
  return {
    id: WORKER_ID,
    name: 'worker-1',
    address,
    capacity: { cpu: 4, memory: 8 * GIB, disk: 100 * GIB },
    labels: {},
    runtimes: [{ name: 'process', available: true }],
    bindRoots: [],
    version: '0.1.0',
    ...more,
  };
}

interface WithManager extends AsyncDisposable {
  readonly manager: Manager;
}

async function startManager(): Promise<WithManager> {
  const manager = new Manager({
    store: new MemoryStore(),
    link: createWorkerClient(),
    nodeTimeoutMs: 1000,
  });
  await manager.start();
  return { manager, [Symbol.asyncDispose]: () => manager.stop() };
}

const stats = {
  used: { cpu: 0.5, memory: GIB, disk: GIB },
  load: 0.1,
  taskCount: 0,
  time: '2026-01-02T03:04:05.000Z',
};

const heartbeat = { type: 'heartbeat', stats, runtimes: [{ name: 'process', available: true }] };

/** What a stub says in place of a worker; the rest it says as a worker does. */
interface Odd {
  readonly list?: (response: ServerResponse) => void;
  /** Lines of the stream, before its heartbeats. */
  readonly lines?: readonly (string | object)[];
  /** Other facts than usual. */
  readonly facts?: Partial<NodeFacts>;
}

async function startOddWorker(odd: () => Odd): Promise<HttpStub> {
  const stub: HttpStub = await startHttpStub(({ method, url }, response) => {
    if (method === 'POST') return sendJson(response, {});
    const { list, lines = [], facts: more } = odd();
    if (url.pathname === '/assignments') {
      if (list !== undefined) return list(response);
      const facts = factsOf(stub.url, more);
      return sendJson(response, {
        protocol: 1,
        facts,
        sequence: 0,
        observations: [],
        orphans: [],
      });
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const line of [...lines, heartbeat]) {
      response.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
    }
    const timer = setInterval(() => response.write(`${JSON.stringify(heartbeat)}\n`), 100);
    response.on('close', () => clearInterval(timer));
  });
  return stub;
}

async function untilUp(manager: Manager): Promise<void> {
  await eventually('the node is up', () => manager.listNodes()[0]?.node.liveness === 'up');
}

/** Waits until the node is not up, for a reason with these words. */
async function untilRefused(manager: Manager, words: RegExp): Promise<void> {
  let reason: string | undefined;
  await eventually(`the node is away: ${words}`, () => {
    const node = manager.listNodes()[0]?.node;
    reason = node?.livenessReason;
    return node?.liveness !== 'up' && words.test(reason ?? '');
  }).catch((error: unknown) => {
    throw new Error(`The reason is ${reason}.`, { cause: error });
  });
}

function sendText(text: string, status = 200, type = 'text/html'): (to: ServerResponse) => void {
  return (response) => void response.writeHead(status, { 'content-type': type }).end(text);
}

describe('a node where something else answers', () => {
  test.each<readonly [string, (response: ServerResponse) => void, RegExp]>([
    ['text', sendText('hello'), /the answer is not JSON/],
    ['a page', sendText('<html>'), /the answer is not JSON/],
    ['nothing at all', (response) => void response.writeHead(204).end(), /is not JSON/],
    ['the page of a failing proxy', sendText('<html>', 502), /answered with status 502/],
    ['JSON of another kind', (response) => sendJson(response, { tasks: [] }), /"protocol"/],
    ['silence', () => undefined, /heard|answer/],
    [
      'an answer without end',
      (response) => {
        const timer = setInterval(() => response.write(' '.repeat(100_000)), 1);
        response.on('close', () => clearInterval(timer));
      },
      /heard|longer than/,
    ],
    [
      'a line that never ends',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{"protocol":1,"cluster":"');
        response.end('x'.repeat(3 * 1024 ** 2));
      },
      /not JSON/,
    ],
  ])('is not up, and says why: %s', async (_, list, words) => {
    let isOdd = true;
    await using stub = await startOddWorker(() => (isOdd ? { list } : {}));
    await using started = await startManager();
    const { manager } = started;
    await manager.join({ protocol: 1, facts: factsOf(stub.url) });
    await untilRefused(manager, words);
    isOdd = false;
    await untilUp(manager);
  });

  test('is not followed to where it redirects', async () => {
    await using elsewhere = await startOddWorker(() => ({}));
    const list = (response: ServerResponse): void =>
      void response.writeHead(302, { location: `${elsewhere.url}/assignments` }).end();
    await using stub = await startOddWorker(() => ({ list }));
    await using started = await startManager();
    await started.manager.join({ protocol: 1, facts: factsOf(stub.url) });
    await untilRefused(started.manager, /answered with status 302/);
    expect(elsewhere.requests).toEqual([]);
  });

  test.each([
    ['use below zero', { ...stats, used: { ...stats.used, memory: -1 } }],
    ['use that is no number', { ...stats, used: { ...stats.used, cpu: null } }],
    ['10¹⁸ bytes', { ...stats, used: { ...stats.used, disk: 1e18 } }],
    ['a load below zero', { ...stats, load: -1 }],
    ['half a task', { ...stats, taskCount: 0.5 }],
    ['no moment', { ...stats, time: 'yesterday' }],
  ])('is not up while it measures %s', async (_, measured) => {
    let lines: readonly object[] = [{ ...heartbeat, stats: measured }];
    await using stub = await startOddWorker(() => ({ lines }));
    await using started = await startManager();
    await started.manager.join({ protocol: 1, facts: factsOf(stub.url) });
    await untilRefused(started.manager, /does not have the form expected/);
    expect(started.manager.listNodes()[0]?.stats).toBeUndefined();
    lines = [];
    await untilUp(started.manager);
  });

  test.each([
    ['a page', '<html>', /not JSON/],
    ['a type that there is not', { type: 'gossip' }, /form expected/],
    ['a sequence below one', { type: 'report', sequence: 0 }, /form expected/],
    ['a line of 2 MiB', 'x'.repeat(2 * 1024 ** 2), /longer than 1048576/],
    ['an attempt of a task without a name', reportOf({ taskId: 'x' }), /form expected/],
    ['more output than is kept', reportOf({ ended: { output: 'x'.repeat(20_000) } }), /form/],
  ])('is not up while its stream has %s', async (_, line, words) => {
    let lines: readonly (string | object)[] = [line];
    await using stub = await startOddWorker(() => ({ lines }));
    await using started = await startManager();
    await started.manager.join({ protocol: 1, facts: factsOf(stub.url) });
    await untilRefused(started.manager, words);
    lines = [];
    await untilUp(started.manager);
  });
});

function reportOf(observation: object): object {
  const seen = { taskId: taskId(1), attempt: 1, phase: 'ended', ...observation };
  return { type: 'report', sequence: 1, observation: seen };
}

describe('what a worker says of itself', () => {
  test('may be more use than there is: it is shown as it is', async () => {
    const measured = { ...stats, used: { ...stats.used, cpu: 9 } };
    const lines = [{ ...heartbeat, stats: measured }];
    await using stub = await startOddWorker(() => ({ lines }));
    await using started = await startManager();
    await started.manager.join({ protocol: 1, facts: factsOf(stub.url) });
    await untilUp(started.manager);
    await eventually('it is measured', () => started.manager.listNodes()[0]?.stats !== undefined);
  });

  test('is shown when it has no cores, and no task is placed there', async () => {
    const capacity = { cpu: 0, memory: 8 * GIB, disk: GIB };
    await using stub = await startOddWorker(() => ({ facts: { capacity } }));
    await using started = await startManager();
    const { manager } = started;
    await manager.join({ protocol: 1, facts: factsOf(stub.url, { capacity }) });
    await untilUp(manager);
    await manager.submit(
      { id: taskId(1), spec: taskSpecSchema.parse({ name: 'job', command: 'sleep' }) },
      { requestId: 'test' },
    );
    const waiting = await eventually('it waits', async () => {
      const { task } = await manager.getTask(taskId(1));
      return task.status.reason === undefined ? undefined : task.status;
    });
    expect(waiting).toMatchObject({ state: 'pending', reason: { code: 'no-node-fits' } });
    expect(waiting.reason?.message).toContain('its capacity in cores is not known (0)');
    expect(manager.listNodes()[0]?.node.capacity).toEqual(capacity);
  });

  test('may be other capacity than before, and that counts from then on', async () => {
    let facts: Partial<NodeFacts> = {};
    await using stub = await startOddWorker(() => ({ facts }));
    await using started = await startManager();
    const { manager } = started;
    await manager.join({ protocol: 1, facts: factsOf(stub.url) });
    const capacity = { cpu: 2, memory: GIB, disk: GIB };
    facts = { capacity };
    await manager.join({ protocol: 1, facts: factsOf(stub.url, facts) });
    await untilUp(manager);
    expect(manager.listNodes()[0]?.node.capacity).toEqual(capacity);
  });

  test('is refused when it takes the name of another, or belongs elsewhere', async () => {
    await using stub = await startOddWorker(() => ({}));
    await using started = await startManager();
    const { manager } = started;
    const facts = factsOf(stub.url);
    await manager.join({ protocol: 1, facts });
    const id = '11111111-1111-4111-8111-111111111111';
    const join = (more: object): Promise<unknown> => manager.join({ protocol: 1, facts, ...more });
    await expect(join({ facts: { ...facts, id } })).rejects.toMatchObject({ code: 'name-taken' });
    await expect(join({ cluster: id })).rejects.toMatchObject({ code: 'wrong-cluster' });
    await expect(join({ protocol: 99 })).rejects.toMatchObject({
      code: 'invalid-input',
      issues: [{ field: 'protocol', got: '99', want: '1' }],
    });
    expect(manager.listNodes()).toHaveLength(1);
  });

  test('is not believed when it tells of attempts that were never placed there', async () => {
    const seen = { taskId: taskId(1), attempt: 5, phase: 'running', runtimeId: '1' };
    const lines = [{ type: 'report', sequence: 1, observation: seen }];
    await using stub = await startOddWorker(() => ({ lines }));
    await using started = await startManager();
    await started.manager.join({ protocol: 1, facts: factsOf(stub.url) });
    await untilUp(started.manager);
    const ordered = await eventually('it is told to end it', () =>
      stub.requests
        .filter(({ method }) => method === 'POST')
        .map(({ body }) => JSON.parse(body))
        .find(({ forget, stop }) => forget.length + stop.length > 0),
    );
    expect(JSON.stringify(ordered)).toContain(taskId(1));
    await expect(started.manager.getTask(taskId(1))).rejects.toMatchObject({ code: 'not-found' });
  });
});
