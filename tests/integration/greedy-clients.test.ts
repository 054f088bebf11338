import { once } from 'node:events';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startManager, statusOfReply } from '../support/http-doors.ts';

// Whoever asks for too much is refused or cut off, and others are answered all the while.

/** Connects, notes what comes back, and does not mind being cut off. */
function openSocket(port: number, replies: string[]): Socket {
  const socket = connect(port, '127.0.0.1');
  const index = replies.push('') - 1;
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    replies[index] += chunk.toString('latin1');
  });
  return socket;
}

/** The status for somebody on another machine, as far as a server on loopback can tell. */
async function askAsAnother(port: number): Promise<number | undefined> {
  const asked = get({
    host: '127.0.0.1',
    port,
    path: '/tasks',
    localAddress: '127.0.0.2',
    agent: false,
  });
  const [reply] = await once(asked, 'response');
  reply.resume();
  await once(reply, 'end');
  return reply.statusCode;
}

test('a thousand connections that never finish asking are refused or cut off, and others are served', async () => {
  await using manager = await startManager({ limits: { headersMs: 2000, requestMs: 2000 } });
  const replies: string[] = [];
  const sockets = Array.from({ length: 1000 }, () => openSocket(manager.port, replies));
  let letters = 0;
  const timer = setInterval(() => {
    const text = letters === 0 ? 'GET /tasks HTTP/1.1\r\nX: ' : 'a';
    letters += 1;
    for (const socket of sockets) if (socket.writable) socket.write(text);
  }, 100);
  await using _end = {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
  const closed = () => sockets.filter(({ destroyed }) => destroyed).length;
  let served = 0;
  await eventually(
    'all of them are gone',
    async () => {
      expect(await askAsAnother(manager.port)).toBe(200);
      served += 1;
      return closed() === sockets.length;
    },
    60_000,
  );
  expect(served).toBeGreaterThan(1);
  const statuses = replies.map(statusOfReply);
  // Some beyond the limit are reset before they can read why.
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(100);
  expect(statuses.filter((status) => status === 408).length).toBeGreaterThan(100);
  expect(new Set(statuses.filter((status) => !Number.isNaN(status)))).toEqual(new Set([408, 429]));
});

test.each([
  ['says so at once', `Content-Length: ${100 * 1024 ** 2}`],
  ['comes in chunks', 'Transfer-Encoding: chunked'],
])('a body of 100 MB that %s is refused, and hardly any of it is taken', async (_, length) => {
  await using manager = await startManager();
  const chunk = Buffer.alloc(1024 ** 2, ' ');
  const frame = length.startsWith('Transfer')
    ? Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')])
    : chunk;
  const replies: string[] = [];
  const sockets = Array.from({ length: 20 }, () => openSocket(manager.port, replies));
  const sent = sockets.map(async (socket) => {
    const closed = once(socket, 'close');
    socket.write(`POST /tasks HTTP/1.1\r\nHost: localhost:${manager.port}\r\n${length}\r\n\r\n`);
    for (let count = 0; count < 100 && socket.writable; count += 1) {
      if (!socket.write(frame)) await Promise.race([once(socket, 'drain'), closed]).catch(() => 0);
    }
    await closed.catch(() => undefined);
    return socket.bytesWritten - socket.writableLength;
  });
  expect(await askAsAnother(manager.port)).toBe(200);
  for (const bytes of await Promise.all(sent)) expect(bytes).toBeLessThan(20 * 1024 ** 2);
  const statuses = replies.map(statusOfReply).filter((status) => !Number.isNaN(status));
  expect(new Set(statuses)).toEqual(new Set([413]));
  expect(manager.service.tasks.size).toBe(0);
});
