import { describe, expect, test } from 'vitest';
import { createManagerLinkClient, createWorkerClient } from '../../../src/client/worker-client.ts';
import { sendJson, sendProblem, startHttpStub } from '../../support/http-stub.ts';
import { nodeReplyOf, taskIdOf } from '../../support/task-replies.ts';

const CLUSTER = '22222222-2222-4222-8222-222222222222';
const signal = new AbortController().signal;
const orders = {
  protocol: 1,
  cluster: CLUSTER,
  epoch: 3,
  run: [],
  stop: [{ taskId: taskIdOf(1), attempt: 2 }],
  forget: [],
  acknowledged: 5,
};

function factsOf() {
  const { id, name, address, capacity, labels, runtimes, bindRoots, version } = nodeReplyOf();
  return { id, name, address, capacity, labels, runtimes, bindRoots, version };
}

describe('a client of workers', () => {
  test('hands over orders and lists what is there', async () => {
    const list = {
      protocol: 1,
      cluster: CLUSTER,
      facts: factsOf(),
      sequence: 4,
      observations: [{ taskId: taskIdOf(1), attempt: 2, phase: 'running' }],
      orphans: [],
    };
    await using stub = await startHttpStub(({ method }, response) => {
      if (method === 'POST') response.writeHead(204).end();
      else sendJson(response, list);
    });
    const client = createWorkerClient({ token: 't' });
    await client.assign(stub.url, orders, signal);
    expect(await client.list(stub.url, signal)).toEqual(list);
    expect(stub.requests.map((one) => `${one.method} ${one.url.pathname}`)).toEqual([
      'POST /assignments',
      'GET /assignments',
    ]);
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual(orders);
    expect(stub.requests[1]?.headers.authorization).toBe('Bearer t');
  });

  test('streams reports and heartbeats until the worker ends it', async () => {
    const report = {
      type: 'report',
      sequence: 8,
      observation: { taskId: taskIdOf(1), attempt: 1, phase: 'preparing', progress: 'pulling' },
    };
    const heartbeat = {
      type: 'heartbeat',
      stats: {
        used: { cpu: 0.5, memory: 10, disk: 20 },
        load: 0.1,
        taskCount: 1,
        time: '2026-01-02T03:04:05.000Z',
      },
      runtimes: [],
    };
    await using stub = await startHttpStub((_request, response) => {
      response.write(`${JSON.stringify(report)}\n`);
      response.end(JSON.stringify(heartbeat));
    });
    const items = await Array.fromAsync(createWorkerClient().reports(stub.url, 7, signal));
    expect(items).toEqual([report, heartbeat]);
    expect(stub.requests[0]?.url.pathname).toBe('/reports');
    expect(stub.requests[0]?.url.search).toBe('?after=7');
  });

  test('refuses a stream that does not keep to the protocol', async () => {
    await using stub = await startHttpStub((_request, response) => {
      response.end('{"type":"report","sequence":-1}\n');
    });
    await expect(
      Array.fromAsync(createWorkerClient().reports(stub.url, 0, signal)),
    ).rejects.toMatchObject({ code: 'bad-reply' });
  });

  test('gives the code with which a worker refuses orders', async () => {
    await using stub = await startHttpStub((_request, response) => {
      sendProblem(response, { status: 409, code: 'stale-epoch', detail: 'Epoch 3 is over.' });
    });
    await expect(createWorkerClient().assign(stub.url, orders, signal)).rejects.toMatchObject({
      code: 'stale-epoch',
      message: 'Epoch 3 is over.',
    });
  });

  test('asks for the output of one attempt', async () => {
    await using stub = await startHttpStub((_request, response) => {
      response.end('{"stream":"stdout","text":"a"}\n');
    });
    const key = { taskId: taskIdOf(1), attempt: 3 };
    const options = { follow: false, tail: 20, signal };
    const lines = await Array.fromAsync(createWorkerClient().logs(stub.url, key, options));
    expect(lines).toEqual([{ stream: 'stdout', text: 'a' }]);
    expect(stub.requests[0]?.url.pathname).toBe(`/attempts/${taskIdOf(1)}/3/logs`);
    expect(stub.requests[0]?.url.search).toBe('?tail=20');
  });

  test('names a worker that is not there', async () => {
    const stub = await startHttpStub(() => undefined);
    await stub[Symbol.asyncDispose]();
    await expect(createWorkerClient().list(stub.url, signal)).rejects.toThrow(
      `The worker at ${stub.url} cannot be reached: nothing listens there.`,
    );
  });
});

test('a worker presents itself to its manager', async () => {
  const reply = { cluster: CLUSTER, epoch: 2, heartbeatMs: 1000 };
  await using stub = await startHttpStub((_request, response) => sendJson(response, reply));
  const announcement = { protocol: 1, facts: factsOf() };
  const client = createManagerLinkClient();
  expect(await client.announce(stub.url, announcement, signal)).toEqual(reply);
  expect(stub.requests[0]?.method).toBe('POST');
  expect(stub.requests[0]?.url.pathname).toBe('/nodes');
});
