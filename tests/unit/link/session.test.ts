import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import {
  decodeFrame,
  encodeFrame,
  FRAME_BYTES_MAX,
  type SessionFrame,
  sessionRequestSchema,
} from '../../../src/link/session.ts';
import { SessionSocket } from '../../../src/link/session-socket.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test.each<SessionFrame>([
  { type: 'request', json: bytes('{}') },
  { type: 'input', data: bytes('x') },
  { type: 'end' },
  { type: 'resize', columns: 80, rows: 24 },
  { type: 'stdout', data: new Uint8Array(FRAME_BYTES_MAX) },
  { type: 'stderr', data: new Uint8Array() },
  { type: 'exit', code: 255 },
  { type: 'problem', json: '{"é":1}' },
  { type: 'taken', bytes: 9 },
])('the frame $type is the same on the other side', (frame) => {
  expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
});

test.each([
  ['nothing', new Uint8Array()],
  ['an unknown kind', Uint8Array.of(99)],
  ['too much data', new Uint8Array(FRAME_BYTES_MAX + 2).fill(1, 0, 1)],
  ['no JSON', Uint8Array.of(3, 123)],
  ['a size of nothing', Uint8Array.of(3, ...bytes('{"columns":0,"rows":1}'))],
  ['an exit code of no program', Uint8Array.of(6, ...bytes('{"code":70000}'))],
  ['no UTF-8', Uint8Array.of(6, 255, 254)],
])('%s is no frame', (_, message) => {
  expect(decodeFrame(message)).toBeUndefined();
});

test.each([
  [{ command: [] }],
  [{ command: [''] }],
  [{ command: ['a\0b'] }],
  [{ command: ['x'.repeat(70_000)] }],
  [{ command: ['sh'], terminal: { columns: 0, rows: 24 } }],
  [{ command: ['sh'], terminal: { columns: 80, rows: 24, type: 'x\u001b' } }],
  [{ command: ['sh'], user: 'root' }],
])('a request such as %.60j is refused', (request) => {
  expect(sessionRequestSchema.safeParse(request).success).toBe(false);
});

/** As much of a WebSocket as a session uses, with nobody on the other side. */
class LonelySocket extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  readonly sent: (SessionFrame | undefined)[] = [];
  pingCount = 0;

  send(message: Uint8Array): void {
    this.sent.push(decodeFrame(message));
  }

  ping(): void {
    this.pingCount += 1;
  }

  close(): void {
    this.terminate();
  }

  terminate(): void {
    this.readyState = 3;
    this.emit('close');
  }
}

function openLonely(clock: VirtualClock): { session: SessionSocket; socket: LonelySocket } {
  const socket = new LonelySocket();
  // It stands in for a WebSocket of the library, of which a session uses no more than this.
  const session = new SessionSocket(
    socket as unknown as ConstructorParameters<typeof SessionSocket>[0],
    clock,
  );
  return { session, socket };
}

test('data beyond the window waits until the other side has taken some', async () => {
  const { session, socket } = openLonely(new VirtualClock());
  const data = new Uint8Array(FRAME_BYTES_MAX);
  for (let count = 0; count < 4; count += 1) await session.send({ type: 'stdout', data });
  let isSent = false;
  const fifth = session.send({ type: 'stdout', data }).then(() => {
    isSent = true;
  });
  await session.send({ type: 'end' });
  expect(isSent).toBe(false);
  socket.emit('message', encodeFrame({ type: 'taken', bytes: FRAME_BYTES_MAX }));
  await fifth;
  expect(socket.sent.map((frame) => frame?.type)).toEqual([
    ...Array.from({ length: 4 }, () => 'stdout'),
    'end',
    'stdout',
  ]);
});

test('one who sends beyond the window is cut off', async () => {
  const { session, socket } = openLonely(new VirtualClock());
  const message = encodeFrame({ type: 'input', data: new Uint8Array(FRAME_BYTES_MAX) });
  for (let count = 0; count < 5; count += 1) socket.emit('message', message);
  expect(session.closed.aborted).toBe(true);
});

test('the other side is asked for a sign of life, and taken for lost without any', async () => {
  const clock = new VirtualClock();
  const { session, socket } = openLonely(clock);
  await clock.advance(29_000);
  expect(socket.pingCount).toBe(2);
  socket.emit('pong');
  await clock.advance(25_000);
  expect(session.closed.aborted).toBe(false);
  const waiting = session.read();
  await clock.advance(20_000);
  expect(session.closed.aborted).toBe(true);
  expect(await waiting).toBeUndefined();
  await expect(session.send({ type: 'end' })).rejects.toThrow('lost');
});
