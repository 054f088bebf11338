import { CubeError, messageOf } from '../errors/cube-error.ts';
import type { Connection } from './connection.ts';

/** What went wrong below HTTP, in words, by the code that the platform gives. */
const wordsByCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up at the moment',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'it does not answer',
  UND_ERR_BODY_TIMEOUT: 'it fell silent',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to the host',
  EADDRNOTAVAIL: 'the address cannot be used',
  EACCES: 'the operating system forbids the connection',
};

/** The few causes that have no code. */
const wordsByMessage: Readonly<Record<string, string>> = {
  'bad port': 'its port is one of those to which HTTP clients do not connect',
};

const notTls = /^(ERR_SSL_|EPROTO$)/;
const badCertificate = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_)/;

/** The error for a request that got no answer. */
export function toUnreachable(connection: Connection, error: unknown): CubeError {
  const code = findCode(error);
  const who = `The ${connection.peer} at ${connection.baseUrl}`;
  if (notTls.test(code)) {
    return new CubeError('unreachable', `${who} does not speak TLS.`, {
      cause: error,
      hint: 'Use an address that begins with http://.',
    });
  }
  if (badCertificate.test(code)) {
    return new CubeError('unreachable', `${who} has a certificate that is not trusted (${code}).`, {
      cause: error,
      hint: 'Give its authority to Node with NODE_EXTRA_CA_CERTS.',
    });
  }
  const words = wordsByCode[code] ?? wordsByMessage[deepestMessage(error)] ?? deepestMessage(error);
  return new CubeError('unreachable', `${who} cannot be reached: ${words}.`, {
    cause: error,
    hint: nextStep(connection),
  });
}

/** The error for an answer that did not come in time. */
export function toTimedOut(connection: Connection, timeoutMs: number): CubeError {
  const seconds = Math.round(timeoutMs / 100) / 10;
  return new CubeError(
    'unreachable',
    `The ${connection.peer} at ${connection.baseUrl} did not answer within ${seconds} s.`,
    {
      hint: 'If it runs there, it hangs: look at its log and its machine, and at the network between.',
    },
  );
}

function nextStep(connection: Connection): string {
  return connection.peer === 'manager'
    ? 'Start one with "cube up", or check the address.'
    : 'Check that the worker runs, and that its address is right.';
}

/** Platforms wrap the error that tells most; some wrap several, one for each address tried. */
function findCode(error: unknown): string {
  for (let current = error; current instanceof Error; current = inner(current)) {
    if ('code' in current && typeof current.code === 'string') return current.code;
  }
  return '';
}

function deepestMessage(error: unknown): string {
  let message = messageOf(error);
  for (let current = error; current instanceof Error; current = inner(current)) {
    if (current.message !== '') message = current.message;
  }
  return message.replace(/\.$/, '');
}

function inner(error: Error): unknown {
  if (error instanceof AggregateError && error.cause === undefined) return error.errors[0];
  return error.cause;
}
