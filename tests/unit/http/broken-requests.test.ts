import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { eventually } from '../../support/eventually.ts';
import {
  exchange,
  rawRequest,
  startManager,
  startWorker,
  statusOfReply,
} from '../../support/http-doors.ts';

const limits = { requestMs: 300, headersMs: 200 };
const body = JSON.stringify({ name: 'web', image: 'nginx' });

describe('a request that HTTP does not allow', () => {
  it.each([
    ['not HTTP at all', '\u0016\u0003\u0001\r\n\r\n', 405],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 405],
    [
      'length and chunks at once, as smugglers send',
      'POST /tasks HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'two lengths',
      'POST /tasks HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd',
      400,
    ],
    ['headers of 64 KB', `GET / HTTP/1.1\r\nX: ${'a'.repeat(65_536)}\r\n\r\n`, 431],
    [
      'a thousand headers',
      `GET /tasks HTTP/1.1\r\nHost: localhost:PORT\r\n${'A: b\r\n'.repeat(1000)}Connection: close\r\n\r\n`,
      431,
    ],
    ['a space in a header name', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n', 400],
  ])('%s is refused and the connection closed', async (_, bytes, status) => {
    await using manager = await startManager();
    const reply = await exchange(manager.port, bytes.replaceAll('PORT', String(manager.port)));
    expect(statusOfReply(reply)).toBe(status);
    expect(reply).toContain('application/problem+json');
  });
});

describe('a request that does not come whole', () => {
  it.each([
    ['only its first line', 'GET /tasks HTTP/1.1\r\n'],
    [
      'a body shorter than it says',
      rawRequest('POST /tasks', ['Host: localhost:PORT', 'Content-Length: 100'], body),
    ],
    [
      'chunks without an end',
      rawRequest(
        'POST /tasks',
        ['Host: localhost:PORT', 'Transfer-Encoding: chunked'],
        `${body.length.toString(16)}\r\n${body}\r\n`,
      ),
    ],
  ])('%s is closed at the time-out', async (_, bytes) => {
    await using manager = await startManager({ limits });
    const reply = await exchange(manager.port, bytes.replaceAll('PORT', String(manager.port)));
    expect(statusOfReply(reply)).toBe(408);
    expect(manager.service.tasks.size).toBe(0);
  });
});

describe('a request that comes byte by byte', () => {
  it('is closed at the time-out too, though something comes all the time', async () => {
    await using manager = await startManager({ limits });
    const socket = connect(manager.port, '127.0.0.1');
    const bytes = rawRequest('GET /tasks', [
      `Host: localhost:${manager.port}`,
      `X: ${'a'.repeat(5000)}`,
    ]);
    let sent = 0;
    const timer = setInterval(() => socket.write(bytes[sent++] ?? ''), 5);
    socket.on('error', () => undefined);
    let reply = '';
    socket.on('data', (chunk) => {
      reply += String(chunk);
    });
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(timer);
    expect(statusOfReply(reply)).toBe(408);
    expect(sent).toBeLessThan(bytes.length);
  });
});

describe('limits on connections', () => {
  it('refuse more than so many from one address, and forget those that are gone', async () => {
    await using manager = await startManager({ limits: { connectionsPerAddressMax: 2 } });
    const ask = (): Promise<string> =>
      exchange(manager.port, rawRequest('GET /healthz', [`Host: localhost:${manager.port}`]));
    const held = [connect(manager.port, '127.0.0.1'), connect(manager.port, '127.0.0.1')];
    await eventually('both count', async () => statusOfReply(await ask()) === 429);
    for (const socket of held) socket.destroy();
    await eventually('both are forgotten', async () => statusOfReply(await ask()) === 200);
  });

  it('bound what one connection can ask in advance', async () => {
    await using manager = await startManager();
    const one = `GET /tasks HTTP/1.1\r\nHost: localhost:${manager.port}\r\n\r\n`;
    const last = rawRequest('GET /tasks', [`Host: localhost:${manager.port}`]);
    const reply = await exchange(manager.port, one.repeat(999) + last);
    expect(reply.match(/HTTP\/1\.1 200/g)).toHaveLength(1000);
    expect(reply.match(/HTTP\/1\.1 200/g)?.length).toBe(manager.service.queries.length);
  });
});

describe('a client that takes nothing of its reply', () => {
  it('is cut off, and what was kept for it is let go of', async () => {
    await using manager = await startManager({
      limits: { stallMs: 100, connectionsPerAddressMax: 1 },
    });
    // More than the buffers of both sides of a connection hold.
    const spec = taskSpecSchema.parse({ name: 'web', image: 'nginx', args: ['x'.repeat(32_000)] });
    for (let count = 0; count < 1000; count += 1) {
      await manager.service.submit({ spec }, { requestId: 'test' });
    }
    const host = `Host: localhost:${manager.port}`;
    const stalled = connect(manager.port, '127.0.0.1').pause();
    stalled.write(`GET /tasks?limit=1000 HTTP/1.1\r\n${host}\r\n\r\n`);
    await eventually('it is being answered', () => manager.service.queries.length === 1);
    // There is room for one connection, so that another is answered only when it is gone.
    await eventually('it is cut off', async () => {
      return (
        statusOfReply(await exchange(manager.port, rawRequest('GET /healthz', [host]))) === 200
      );
    });
    stalled.destroy();
  });

  it('is left alone while there is nothing to take', async () => {
    await using manager = await startManager({ limits: { stallMs: 50 } });
    const stream = connect(manager.port, '127.0.0.1');
    let received = '';
    stream.on('data', (chunk) => {
      received += String(chunk);
    });
    stream.write(`GET /events HTTP/1.1\r\nHost: localhost:${manager.port}\r\n\r\n`);
    await eventually('the stream is open', () => manager.service.streamCount === 1);
    // An idle connection that nobody uses goes meanwhile, which shows that the time has passed.
    const idle = connect(manager.port, '127.0.0.1').resume();
    await eventually('it is closed', () => idle.closed);
    manager.service.append({ type: 'node-joined', node: 'a' });
    await eventually('the event arrives', () => received.includes('"node-joined"'));
    stream.destroy();
  });
});

describe('a client that waits for leave to send its body', () => {
  const head = ['Expect: 100-continue', `Content-Length: ${body.length}`];

  it('is given it when its head is let in', async () => {
    await using manager = await startManager();
    const request = rawRequest('POST /tasks', [`Host: localhost:${manager.port}`, ...head], body);
    const reply = await exchange(manager.port, request);
    expect(reply).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201/);
  });

  it('is refused at once when it is not', async () => {
    await using manager = await startManager();
    const request = rawRequest('POST /tasks', ['Host: evil.example', ...head]);
    const reply = await exchange(manager.port, request);
    expect(reply).not.toContain('100 Continue');
    expect(statusOfReply(reply)).toBe(421);
  });
});

describe('a client that goes', () => {
  it('while its task is made durable leaves a task that it can ask for again', async () => {
    await using manager = await startManager();
    const { service } = manager;
    const submit = service.submit.bind(service);
    const { promise: flushed, resolve: flush } = Promise.withResolvers<void>();
    let isAsked = false;
    service.submit = async (...args) => {
      isAsked = true;
      await flushed;
      return submit(...args);
    };
    const id = '266592cd-960d-4091-981c-8c25c44b1018';
    const own = JSON.stringify({ id, name: 'web', image: 'nginx' });
    const socket = connect(manager.port, '127.0.0.1');
    const headers = [`Host: localhost:${manager.port}`, `Content-Length: ${own.length}`];
    socket.write(rawRequest('POST /tasks', headers, own));
    await eventually('it is asked for', () => isAsked);
    socket.destroy();
    flush();
    const again = await fetch(`${manager.url}/tasks`, { method: 'POST', body: own });
    expect(again.status).toBe(200);
    expect(manager.logger.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  it('in the middle of its body is no error of ours', async () => {
    await using manager = await startManager();
    const socket = connect(manager.port, '127.0.0.1');
    const headers = [`Host: localhost:${manager.port}`, 'Content-Length: 1000'];
    socket.write(rawRequest('POST /tasks', headers, '{"name":'), () => socket.destroy());
    await eventually('it is noticed', () => manager.logger.lines.length > 0);
    expect(manager.logger.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
    expect((await fetch(`${manager.url}/healthz`)).status).toBe(200);
  });
});

describe('a request to speak another protocol', () => {
  it('is answered in this one', async () => {
    await using manager = await startManager();
    const headers = [`Host: localhost:${manager.port}`, 'Upgrade: websocket'];
    expect(statusOfReply(await exchange(manager.port, rawRequest('GET /tasks', headers)))).toBe(
      200,
    );
  });
});

describe("the reference's curl command", () => {
  it.each([
    ['manager', startManager],
    ['worker', startWorker],
  ] as const)('works on the %s', async (_, start) => {
    await using opened = await start();
    const task = JSON.stringify({
      ID: '6be4cb6b-61d1-40cb-bc7b-9cacefefa60c',
      State: 2,
      Task: {
        State: 1,
        ID: '21b23589-5d2d-4731-b5c9-a97e9832d021',
        Name: 'test-chapter-5',
        Image: 'strm/helloworld-http',
      },
    });
    const request = rawRequest(
      'POST /tasks',
      [
        `Host: localhost:${opened.port}`,
        'User-Agent: curl/8.5.0',
        'Accept: */*',
        `Content-Length: ${task.length}`,
        'Content-Type: application/x-www-form-urlencoded',
      ],
      task,
    );
    expect(statusOfReply(await exchange(opened.port, request))).toBe(201);
    expect(opened.service.tasks.has('21b23589-5d2d-4731-b5c9-a97e9832d021')).toBe(true);
  });
});
