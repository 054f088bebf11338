import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createWorkerClient } from '../../src/client/worker-client.ts';
import { Manager } from '../../src/manager/manager.ts';
import type { NodeFacts } from '../../src/node/node.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import { GIB, taskId } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { startWorker } from '../support/http-doors.ts';
import { type HttpStub, sendJson } from '../support/http-stub.ts';
import { factsOf, heartbeat, startOddWorker, oddStats as stats } from '../support/odd-worker.ts';

// Whatever answers at a worker's address, the manager stays well: the node is not up, says why, and
// is up again as soon as a worker answers there.

interface WithManager extends AsyncDisposable {
  readonly manager: Manager;
}

async function startManager(token?: string): Promise<WithManager> {
  const manager = new Manager({
    store: new MemoryStore(),
    link: createWorkerClient({ token }),
    nodeTimeoutMs: 1000,
  });
  await manager.start();
  return { manager, [Symbol.asyncDispose]: () => manager.stop() };
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

describe('a stranger at the address of a node', () => {
  /** That it was only ever asked who it is: no order, no spec. */
  function expectNothingTold(stub: HttpStub): void {
    const asked = stub.requests.map(({ method, url }) => `${method} ${url.pathname}`);
    expect(new Set(asked)).toEqual(new Set(['GET /assignments']));
  }

  async function submitJob(manager: Manager): Promise<void> {
    const spec = taskSpecSchema.parse({ name: 'job', command: 'sleep', env: { KEY: 'value' } });
    await manager.submit({ id: taskId(1), spec }, { requestId: 'test' });
  }

  test('that belongs to another cluster is refused by both names, and told nothing', async () => {
    const cluster = '99999999-9999-4999-8999-999999999999';
    await using stub = await startOddWorker(() => ({ cluster }));
    await using started = await startManager();
    const { manager } = started;
    await manager.join({ protocol: 1, facts: factsOf(stub.url) });
    await submitJob(manager);
    const own = manager.status().cluster;
    await untilRefused(manager, new RegExp(`belongs to cluster ${cluster}, and this is ${own}`));
    expectNothingTold(stub);
  });

  test('that is the worker of another node is refused by name, and told nothing', async () => {
    const facts = { id: '88888888-8888-4888-8888-888888888888', name: 'stranger' };
    await using stub = await startOddWorker(() => ({ facts }));
    await using started = await startManager();
    const { manager } = started;
    await manager.join({ protocol: 1, facts: factsOf(stub.url) });
    await submitJob(manager);
    await untilRefused(manager, /At the address of node worker-1 answers worker stranger/);
    expectNothingTold(stub);
  });

  test('with another token than ours refuses us, and that is said', async () => {
    await using worker = await startWorker({ doors: { token: 'the-token-of-another-cluster' } });
    await using started = await startManager('the-token-of-this-cluster');
    const { manager } = started;
    await manager.join({ protocol: 1, facts: factsOf(worker.url) });
    await submitJob(manager);
    await untilRefused(manager, /token/);
    expect(worker.service.assigned).toEqual([]);
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
