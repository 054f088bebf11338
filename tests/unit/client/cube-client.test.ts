import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createCubeClient } from '../../../src/client/cube-client.ts';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { sendJson, sendProblem, startHttpStub } from '../../support/http-stub.ts';
import { nodeReplyOf, taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const neverSignal = new AbortController().signal;

describe('a client of the manager', () => {
  test('submits with its token, and tells a new task from one that was there', async () => {
    const statuses = [201, 200];
    await using stub = await startHttpStub((_request, response) => {
      sendJson(response, taskReplyOf(), statuses.shift());
    });
    const client = createCubeClient({ url: stub.url, token: 'tok' });
    const submission = { id: taskIdOf(1), name: 'web', command: 'sleep' };
    expect((await client.submit(submission)).created).toBe(true);
    expect((await client.submit(submission)).created).toBe(false);
    const [request] = stub.requests;
    expect(request).toMatchObject({ method: 'POST', url: { pathname: '/tasks' } });
    expect(request?.headers.authorization).toBe('Bearer tok');
    expect(JSON.parse(request?.body ?? '')).toEqual(submission);
  });

  test('says which part of Cube it wants, and whose token was not taken', async () => {
    await using stub = await startHttpStub((_request, response) => {
      sendProblem(response, { status: 401, code: 'unauthorized', detail: 'Needs a token.' });
    });
    const wrong = createCubeClient({ url: stub.url, token: 'tok' }).nodes();
    await expect(wrong).rejects.toMatchObject({ hint: expect.stringContaining('that was sent') });
    const missing = createCubeClient({ url: stub.url }).nodes();
    await expect(missing).rejects.toMatchObject({ code: 'unauthorized', hint: undefined });
    expect(stub.requests[0]?.headers['cube-role']).toBe('manager');
  });

  test('lists every page with the filter in each request', async () => {
    await using stub = await startHttpStub(({ url }, response) => {
      const isLast = url.searchParams.get('cursor') === 'c1';
      const items = [taskReplyOf({}, { id: taskIdOf(isLast ? 2 : 1) })];
      sendJson(response, { items, revision: 9, ...(isLast ? {} : { cursor: 'c1' }) });
    });
    const client = createCubeClient({ url: stub.url });
    const filter = { states: ['running', 'pending'], labels: { a: 'b=c' } } as const;
    const ids = await Array.fromAsync(client.list(filter), (task) => task.id);
    expect(ids).toEqual([taskIdOf(1), taskIdOf(2)]);
    expect(stub.requests.map(({ url }) => url.search)).toEqual([
      '?state=running&state=pending&label=a%3Db%3Dc&limit=500',
      '?state=running&state=pending&label=a%3Db%3Dc&limit=500&cursor=c1',
    ]);
  });

  test('reads nodes', async () => {
    await using stub = await startHttpStub((_request, response) => {
      sendJson(response, { items: [nodeReplyOf()] });
    });
    const [node] = await createCubeClient({ url: stub.url }).nodes();
    expect(node?.name).toBe('worker-1');
  });

  test('turns problem details into an error with code, issues and hint', async () => {
    const issues = [{ field: 'cpu', got: '0', want: 'more', example: '0.5' }];
    await using stub = await startHttpStub((_request, response) => {
      sendProblem(response, {
        status: 422,
        code: 'invalid-input',
        detail: 'The field "cpu" is wrong.',
        hint: 'Mend it.',
        issues,
      });
    });
    const client = createCubeClient({ url: stub.url });
    await expect(client.get('x')).rejects.toMatchObject({
      name: 'CubeError',
      code: 'invalid-input',
      message: 'The field "cpu" is wrong.',
      hint: 'Mend it.',
      issues,
    });
  });

  test('encodes an id so that it stays one part of the path', async () => {
    await using stub = await startHttpStub((_request, response) => {
      sendJson(response, taskReplyOf());
    });
    await createCubeClient({ url: stub.url }).stop('../nodes?x');
    expect(stub.requests[0]?.url.pathname).toBe('/tasks/..%2Fnodes%3Fx');
    expect(stub.requests[0]?.method).toBe('DELETE');
  });

  test('reads output line by line, however it is cut into packets', async () => {
    const text = '{"stream":"stdout","text":"grüße"}\n\n{"stream":"stderr","text":"b"}\n';
    await using stub = await startHttpStub(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      for (const byte of Buffer.from(text)) {
        response.write(Buffer.from([byte]));
        await new Promise(setImmediate);
      }
      response.end();
    });
    const client = createCubeClient({ url: stub.url });
    const lines = await Array.fromAsync(client.logs('id', { follow: true, tail: 3 }));
    expect(lines).toEqual([
      { stream: 'stdout', text: 'grüße' },
      { stream: 'stderr', text: 'b' },
    ]);
    expect(stub.requests[0]?.url.search).toBe('?follow=true&tail=3');
  });
});

describe('what answers badly', () => {
  test.each([
    ['a page of another server', 200, '<html>hello</html>', /is not a Cube manager .* not JSON/],
    ['JSON of another server', 200, '{"hello":"world"}', /"id" does not have the form expected/],
    ['a failure that is no problem', 502, '<html>', /it answered with status 502/],
    ['a redirect', 302, '', /it answered with status 302/],
    ['an error code from the future', 400, problem('brand-new'), /error code "brand-new"/],
    ['an endless problem', 500, 'x'.repeat(1024 ** 2 + 1), /longer than 1048576 bytes/],
  ])('is named: %s', async (...[, status, body, message]) => {
    await using stub = await startHttpStub((_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' });
      response.end(body);
    });
    const client = createCubeClient({ url: stub.url });
    const got = client.get('x');
    await expect(got).rejects.toMatchObject({ code: 'bad-reply', retryable: true });
    await expect(got).rejects.toThrow(message);
    await expect(got).rejects.toThrow(stub.url);
    expect(stub.requests).toHaveLength(1);
  });

  test('is cut off when a line never ends', async () => {
    await using stub = await startHttpStub((_request, response) => {
      const timer = setInterval(() => response.write('x'.repeat(200_000)), 1);
      response.on('close', () => clearInterval(timer));
    });
    const client = createCubeClient({ url: stub.url });
    await expect(Array.fromAsync(client.logs('x'))).rejects.toThrow(/longer than 1048576 char/);
  });
});

describe('connections', () => {
  test('are no more at once than allowed, however many requests are made', async () => {
    let open = 0;
    let openMax = 0;
    const held: (() => void)[] = [];
    await using stub = await startHttpStub(async (_request, response) => {
      open += 1;
      openMax = Math.max(openMax, open);
      await new Promise<void>((resolve) => held.push(resolve));
      open -= 1;
      sendJson(response, { items: [] });
    });
    const client = createCubeClient({ url: stub.url, concurrencyMax: 3 });
    const asked = Array.from({ length: 10 }, () => client.nodes());
    for (let answered = 0; answered < 10; answered += 1) {
      await expect.poll(() => held.length).toBeGreaterThan(answered);
      held[answered]?.();
    }
    await Promise.all(asked);
    expect(openMax).toBe(3);
  });

  test('are let go of after every kind of answer', async () => {
    const sockets = new Set<Socket>();
    let openMax = 0;
    const page = '<html></html>'.repeat(10_000);
    await using stub = await startHttpStub(({ url }, response) => {
      if (response.socket !== null) sockets.add(response.socket);
      openMax = Math.max(openMax, [...sockets].filter(({ destroyed }) => !destroyed).length);
      const kind = url.pathname.split('/').at(-1);
      if (kind === 'ok') sendJson(response, taskReplyOf());
      else if (kind === 'problem')
        sendProblem(response, { status: 409, code: 'conflict', detail: page });
      else if (kind === 'redirect') response.writeHead(302, { location: '/' }).end(page);
      else response.end(page);
    });
    const client = createCubeClient({ url: stub.url });
    for (let round = 0; round < 25; round += 1) {
      for (const kind of ['ok', 'problem', 'redirect', 'page']) {
        await client.get(kind).catch((error: unknown) => expect(error).toBeInstanceOf(CubeError));
      }
    }
    expect(stub.requests).toHaveLength(100);
    // An answer that is not read to its end would hold its connection until it is collected.
    expect(openMax).toBeLessThan(10);
  });
});

describe('a manager that cannot be reached', () => {
  test('is named with its address, the cause and a next step', async () => {
    const stub = await startHttpStub(() => undefined);
    await stub[Symbol.asyncDispose]();
    const got = createCubeClient({ url: stub.url }).status();
    await expect(got).rejects.toMatchObject({
      code: 'unreachable',
      message: `The manager at ${stub.url} cannot be reached: nothing listens there.`,
      hint: 'Start one with "cube up", or check the address.',
    });
  });

  test('is told from one that does not speak TLS', async () => {
    await using stub = await startHttpStub(() => undefined);
    const url = stub.url.replace('http:', 'https:');
    await expect(createCubeClient({ url }).status()).rejects.toMatchObject({
      code: 'unreachable',
      message: `The manager at ${url} does not speak TLS.`,
    });
  });

  test('is given up when it does not answer in time', async () => {
    const clock = new VirtualClock();
    await using stub = await startHttpStub(() => undefined);
    const client = createCubeClient({ url: stub.url, clock, timeoutMs: 1500 });
    const got = client.status();
    const expected = expect(got).rejects.toThrow(/did not answer within 1\.5 s/);
    await clock.advance(1500);
    await expected;
  });

  test('is given up when a stream of output falls silent', async () => {
    const clock = new VirtualClock();
    await using stub = await startHttpStub((_request, response) => {
      response.write('{"stream":"stdout","text":"a"}\n\n');
    });
    const lines = createCubeClient({ url: stub.url, clock }).logs('x', { follow: true });
    const iterator = lines[Symbol.asyncIterator]();
    await iterator.next();
    const next = expect(iterator.next()).rejects.toThrow(/did not answer within 60 s/);
    await clock.advance(60_000);
    await next;
  });

  test('is given up at once when the caller does, with the reason of the caller', async () => {
    const abort = new AbortController();
    await using stub = await startHttpStub(() => abort.abort(new Error('enough')));
    const client = createCubeClient({ url: stub.url });
    await expect(client.status({ signal: abort.signal })).rejects.toThrow('enough');
    await expect(client.status({ signal: abort.signal })).rejects.toThrow('enough');
    expect(stub.requests).toHaveLength(1);
  });

  test('whose address is no address is refused before anything is sent', () => {
    for (const url of ['127.0.0.1:5555', 'ftp://x', 'http://u:p@x', 'http://x/?a', '']) {
      expect(() => createCubeClient({ url })).toThrow(/is not a URL such as/);
    }
    expect(createCubeClient({ url: 'http://h:1/' }).url).toBe('http://h:1');
  });

  test('breaking off in the middle is an error, not an end', async () => {
    await using stub = await startHttpStub((_request, response) => {
      response.write('{"stream":"stdout","text":"a"}\n', () => response.destroy());
    });
    const lines = createCubeClient({ url: stub.url }).logs('x', { signal: neverSignal });
    const iterator = lines[Symbol.asyncIterator]();
    await expect(iterator.next()).resolves.toMatchObject({ value: { text: 'a' } });
    await expect(iterator.next()).rejects.toMatchObject({ code: 'unreachable' });
  });
});

function problem(code: string): string {
  return JSON.stringify({ type: 'about:blank', title: code, status: 400, detail: 'd', code });
}

describe('a redirect', () => {
  test('is not followed, so that the token goes nowhere else', async () => {
    const seen: (string | undefined)[] = [];
    await using elsewhere = await startHttpStub((request, response) => {
      seen.push(request.headers.authorization);
      response.end('{}');
    });
    await using manager = await startHttpStub((_, response) => {
      response.writeHead(307, { location: elsewhere.url }).end();
    });
    const client = createCubeClient({ url: manager.url, token: 'secret-token' });
    for (const ask of [() => client.status(), () => client.submit({ name: 'a', image: 'b' })]) {
      await expect(ask()).rejects.toMatchObject({ code: 'bad-reply' });
    }
    expect(seen).toEqual([]);
  });
});
