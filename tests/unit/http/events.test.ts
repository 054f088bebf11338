import { get as httpGet, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { TIME } from '../../support/fake-manager-service.ts';
import { openManager, startManager } from '../../support/http-doors.ts';

const TASK = '266592cd-960d-4091-981c-8c25c44b1018';

/** Opens a stream and collects what comes. */
async function openStream(url: string, headers: Record<string, string> = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpGet(url, { headers }, resolve).on('error', reject);
  });
  let text = '';
  let isOver = false;
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  response.on('close', () => {
    isOver = true;
  });
  return {
    status: response.statusCode,
    type: response.headers['content-type'],
    text: () => text,
    isOver: () => isOver,
    ids: () => [...text.matchAll(/^id: (\d+)\ndata: /gm)].map(([, id]) => Number(id)),
    [Symbol.dispose]: () => response.destroy(),
  };
}

describe('the stream of events', () => {
  it('gives every event after a revision with its revision as id, then new ones', async () => {
    await using manager = await startManager();
    for (let i = 0; i < 5; i += 1) manager.service.append({ type: 'node-changed', node: 'n' });
    using stream = await openStream(`${manager.url}/events?after=2`);
    expect([stream.status, stream.type]).toEqual([200, 'text/event-stream; charset=utf-8']);
    await eventually('three came', () => stream.ids().length === 3);
    manager.service.append({ type: 'node-changed', node: 'n' });
    await eventually('the new one came', () => stream.ids().length === 4);
    expect(stream.ids()).toEqual([3, 4, 5, 6]);
  });

  it('resumes after Last-Event-ID, which goes before the address', async () => {
    await using manager = await startManager();
    for (let i = 0; i < 5; i += 1) manager.service.append({ type: 'node-changed' });
    using stream = await openStream(`${manager.url}/events?after=0`, { 'last-event-id': '4' });
    await eventually('one came', () => stream.ids().length === 1);
    expect(stream.ids()).toEqual([5]);
  });

  it('begins with what is new where nothing is said, or with the oldest kept', async () => {
    await using manager = await startManager();
    manager.service.floor = 10;
    manager.service.append({ type: 'node-changed' });
    using fresh = await openStream(`${manager.url}/events`);
    using whole = await openStream(`${manager.url}/events?after=oldest`);
    await eventually('both are open', () => manager.service.streamCount === 2);
    manager.service.append({ type: 'node-changed' });
    await eventually('both have it', () => whole.ids().length === 2 && fresh.ids().length === 1);
    expect([fresh.ids(), whole.ids()]).toEqual([[12], [11, 12]]);
  });

  it('filters by task, node and type', async () => {
    await using manager = await openManager();
    const { append } = manager.service;
    const add = append.bind(manager.service);
    add({ type: 'task-started', taskId: TASK, node: 'a' });
    add({ type: 'task-started', node: 'b' });
    add({ type: 'node-joined', node: 'a' });
    const ask = async (query: string): Promise<number[]> => {
      const reply = await manager.server.inject(`/events?after=0&follow=false&${query}`);
      return [...reply.body.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    };
    expect(await ask('')).toEqual([1, 2, 3]);
    expect(await ask(`task=${TASK}`)).toEqual([1]);
    expect(await ask('node=a')).toEqual([1, 3]);
    expect(await ask('type=task-started&type=node-went-down')).toEqual([1, 2]);
    expect(await ask('node=a&type=node-joined')).toEqual([3]);
  });

  it.each([
    ['after=-1', 'after'],
    ['after=x', 'after'],
    ['type=task-startd', 'type'],
    ['task=x', 'task'],
    ['follow=maybe', 'follow'],
    ['since=5', 'since'],
  ])('refuses ?%s', async (query, field) => {
    await using manager = await openManager();
    const reply = await manager.server.inject(`/events?${query}`);
    expect(reply.statusCode).toBe(400);
    expect(reply.json().field).toBe(field);
  });

  it('says when what is asked for is pruned, and where to begin', async () => {
    await using manager = await openManager();
    manager.service.floor = 10;
    const reply = await manager.server.inject('/events?after=9');
    expect(reply.statusCode).toBe(410);
    expect(reply.json()).toMatchObject({
      code: 'pruned',
      hint: expect.stringContaining('after revision 10'),
    });
    const headers = { 'last-event-id': '3' };
    expect((await manager.server.inject({ url: '/events', headers })).statusCode).toBe(410);
  });

  it('says when a client has seen more than there is, since its log was another', async () => {
    await using manager = await openManager();
    const reply = await manager.server.inject('/events?after=500');
    expect(reply.statusCode).toBe(410);
    expect(reply.json().detail).toContain('of another log');
  });

  it('is refused to whoever does not accept it', async () => {
    await using manager = await openManager();
    const headers = { accept: 'application/json' };
    const reply = await manager.server.inject({ url: '/events', headers });
    expect(reply.statusCode).toBe(406);
    for (const accept of ['*/*', 'text/*', 'text/event-stream', 'text/html, */*;q=0.1']) {
      const url = '/events?follow=false';
      expect((await manager.server.inject({ url, headers: { accept } })).statusCode).toBe(200);
    }
  });

  it('is heard every 15 seconds, and moves on the place from which a client resumes', async () => {
    const clock = new VirtualClock();
    await using manager = await startManager({ clock });
    const streaming = openStream(`${manager.url}/events?after=0&type=node-joined`);
    // The head waits for a turn of the clock, so that an early failure can still be told.
    await eventually('it is asked for', () => manager.service.streamCount === 1);
    await clock.advance(1);
    using stream = await streaming;
    manager.service.append({ type: 'node-changed' });
    expect(stream.text()).toBe('');
    await eventually('it is heard', async () => {
      await clock.advance(15_000);
      return stream.text().includes(': heartbeat\nid: 1\n\n');
    });
  });

  it('tells why it ends, when its source fails midway', async () => {
    await using manager = await startManager();
    manager.service.append({ type: 'node-changed' });
    using stream = await openStream(`${manager.url}/events?after=0`);
    await eventually('one came', () => stream.ids().length === 1);
    manager.service.failure = new CubeError('unavailable', 'The manager has stopped.');
    manager.service.wake();
    await eventually('it is over', () => stream.isOver());
    const [, data = ''] = /event: problem\ndata: (.*)\n\n$/.exec(stream.text()) ?? [];
    expect(JSON.parse(data)).toMatchObject({ code: 'unavailable', status: 503 });
  });

  it('is given up when the client goes', async () => {
    await using manager = await startManager();
    const stream = await openStream(`${manager.url}/events`);
    await eventually('it is open', () => manager.service.streamCount === 1);
    stream[Symbol.dispose]();
    await eventually('it is given up', () => manager.service.streamCount === 0);
  });

  it('cuts off a client that takes nothing, instead of keeping all for it', async () => {
    const clock = new VirtualClock();
    await using manager = await startManager({ clock });
    const { service } = manager;
    const reason = { code: 'exited' as const, message: 'x'.repeat(10_000) };
    for (let i = 0; i < 4000; i += 1) service.append({ type: 'node-changed', reason });
    let readCount = 0;
    const follow = service.follow.bind(service);
    service.follow = (options) => {
      const feed = follow(options);
      const counted = async function* () {
        for await (const events of feed) {
          readCount += events.length;
          yield events;
        }
      };
      return { position: 0, [Symbol.asyncIterator]: counted };
    };
    const socket = connect(manager.port, '127.0.0.1');
    socket.pause();
    socket.on('error', () => undefined);
    socket.write(`GET /events?after=0 HTTP/1.1\r\nHost: localhost:${manager.port}\r\n\r\n`);
    await eventually('it is open', () => service.streamCount === 1);
    await eventually('no more is read for it', async () => {
      await clock.advance(1);
      const before = readCount;
      await new Promise((resolve) => setImmediate(resolve));
      return before > 0 && readCount === before;
    });
    expect(readCount).toBeLessThan(4000);
    await eventually('it is cut off', async () => {
      await clock.advance(30_000);
      return service.streamCount === 0;
    });
    socket.destroy();
  });
});

describe('events', () => {
  it('are told with the moment and the spec, without secrets', async () => {
    await using manager = await openManager();
    const payload = JSON.stringify({
      name: 'web',
      image: 'nginx',
      env: { A: 'plain', B: { secret: 'hunter2' } },
    });
    await manager.server.inject({ method: 'POST', url: '/tasks', payload });
    const reply = await manager.server.inject('/events?after=0&follow=false');
    const [, data = ''] = /data: (.*)\n/.exec(reply.body) ?? [];
    expect(JSON.parse(data)).toMatchObject({
      time: TIME,
      spec: { env: { A: 'plain', B: { secret: '***' } } },
    });
  });
});
