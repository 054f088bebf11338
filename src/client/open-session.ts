import { WebSocket } from 'ws';
import { MESSAGE_BYTES_MAX, type SessionOptions, type SessionOutput } from '../link/session.ts';
import { SessionSocket } from '../link/session-socket.ts';
import type { Connection } from './connection.ts';
import { toTimedOut, toUnreachable } from './network-error.ts';
import { toBadReply, toReplyError } from './reply-error.ts';

const PROBLEM_LENGTH_MAX = 1024 ** 2;

/**
 * Runs a command at a path that leads to one. Not for browsers, which cannot send a token with a
 * WebSocket. Leaving the iteration ends the command.
 *
 * @throws CubeError with the code that the other side gives; `unreachable` also when the
 *   connection is lost midway; the signal's reason when it is aborted.
 */
export async function* openSession(
  connection: Connection,
  path: string,
  { request, input, signal }: SessionOptions,
): AsyncGenerator<SessionOutput, void, undefined> {
  signal.throwIfAborted();
  const webSocket = await connect(connection, path, signal);
  const socket = new SessionSocket(webSocket, connection.clock);
  const onAbort = (): void => webSocket.terminate();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const hands = input[Symbol.asyncIterator]();
  let inputError: unknown;
  try {
    await socket.send({ type: 'request', json: new TextEncoder().encode(JSON.stringify(request)) });
    void sendInput(socket, hands).catch((error: unknown) => {
      if (socket.closed.aborted) return;
      inputError = error;
      webSocket.terminate();
    });
    yield* readOutputs(connection, socket);
  } catch (error) {
    signal.throwIfAborted();
    throw inputError ?? error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not waited for: nothing may come any more on which it could end.
    void hands.return?.().then(undefined, () => undefined);
    await socket[Symbol.asyncDispose]();
  }
}

async function sendInput(
  socket: SessionSocket,
  hands: AsyncIterator<Parameters<SessionSocket['sendWhole']>[0]>,
): Promise<void> {
  for (let next = await hands.next(); next.done !== true; next = await hands.next()) {
    await socket.sendWhole(next.value);
  }
}

async function* readOutputs(
  connection: Connection,
  socket: SessionSocket,
): AsyncGenerator<SessionOutput, void, undefined> {
  for (;;) {
    const frame = await socket.read();
    switch (frame?.type) {
      case undefined:
        socket.closed.throwIfAborted();
        return;
      case 'stdout':
      case 'stderr':
        yield frame;
        await socket.taken(frame.data);
        break;
      case 'exit':
        yield frame;
        return;
      case 'problem':
        throw toReplyError(connection, frame.json);
      default:
        throw toBadReply(connection, `it sent a message "${frame?.type}"`);
    }
  }
}

/** Resolves when the other side has agreed to speak. */
function connect(connection: Connection, path: string, signal: AbortSignal): Promise<WebSocket> {
  const { baseUrl, peer, token, timeoutMs } = connection;
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(`${baseUrl.replace(/^http/, 'ws')}${path}`, {
      perMessageDeflate: false,
      maxPayload: MESSAGE_BYTES_MAX,
      handshakeTimeout: timeoutMs,
      headers: {
        'cube-role': peer,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });
    const onAbort = (): void => {
      reject(signal.reason);
      webSocket.terminate();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    webSocket.on('error', (error) => {
      signal.removeEventListener('abort', onAbort);
      const isLate = error.message === 'Opening handshake has timed out';
      reject(isLate ? toTimedOut(connection, timeoutMs) : toUnreachable(connection, error));
    });
    webSocket.once('open', () => {
      signal.removeEventListener('abort', onAbort);
      resolve(webSocket);
    });
    webSocket.once('unexpected-response', (_, response) => {
      signal.removeEventListener('abort', onAbort);
      readRefusal(response).then(
        (text) => reject(toReplyError(connection, text, response.statusCode)),
        (error: unknown) => reject(toUnreachable(connection, error)),
      );
    });
  });
}

async function readRefusal(response: AsyncIterable<unknown>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response) {
    if (chunk instanceof Uint8Array) text += decoder.decode(chunk, { stream: true });
    if (text.length > PROBLEM_LENGTH_MAX) throw new Error('the refusal is too long');
  }
  return text + decoder.decode();
}
