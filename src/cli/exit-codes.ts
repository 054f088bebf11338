import type { ErrorCode } from '../errors/error-codes.ts';

/** What the exit code of a command tells. The numbers above 63 are those of BSD's sysexits. */
export const exitCodes = {
  ok: 0,
  /** A task failed, or could not be brought to where it should be. */
  failed: 1,
  /** The command line, a setting or an input is wrong; nothing was done. */
  usage: 2,
  notFound: 3,
  /** Something else has the id, the name, the port or the data already. */
  conflict: 4,
  /** Nothing answers, or not as Cube does. */
  unreachable: 69,
  internal: 70,
  /** The disk or a runtime failed. */
  io: 74,
  /** It may work when tried again. */
  temporary: 75,
  refused: 77,
  /** The time given with --timeout was over. */
  timeout: 124,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const exitCodeByErrorCode: Readonly<Record<ErrorCode, ExitCode>> = {
  'invalid-input': exitCodes.usage,
  unprocessable: exitCodes.usage,
  'not-understood': exitCodes.usage,
  'unsupported-media-type': exitCodes.usage,
  'too-large': exitCodes.usage,
  'headers-too-large': exitCodes.usage,
  'url-too-long': exitCodes.usage,
  'method-not-allowed': exitCodes.unreachable,
  'not-acceptable': exitCodes.unreachable,
  'not-found': exitCodes.notFound,
  pruned: exitCodes.notFound,
  conflict: exitCodes.conflict,
  unauthorized: exitCodes.refused,
  forbidden: exitCodes.refused,
  misdirected: exitCodes.refused,
  'not-allowed': exitCodes.refused,
  'too-many-requests': exitCodes.temporary,
  'request-timeout': exitCodes.temporary,
  'stale-epoch': exitCodes.conflict,
  'stale-orders': exitCodes.conflict,
  'wrong-cluster': exitCodes.conflict,
  'name-taken': exitCodes.conflict,
  unavailable: exitCodes.unreachable,
  unreachable: exitCodes.unreachable,
  'bad-reply': exitCodes.unreachable,
  'storage-full': exitCodes.io,
  'storage-failed': exitCodes.io,
  'storage-locked': exitCodes.conflict,
  'storage-damaged': exitCodes.io,
  'storage-foreign': exitCodes.io,
  'storage-newer': exitCodes.io,
  'storage-closed': exitCodes.internal,
  'storage-conflict': exitCodes.conflict,
  'runtime-unavailable': exitCodes.temporary,
  'runtime-failed': exitCodes.io,
  'image-missing': exitCodes.io,
  'port-taken': exitCodes.conflict,
  'address-in-use': exitCodes.conflict,
  configuration: exitCodes.usage,
  internal: exitCodes.internal,
};

export function toExitCode(code: ErrorCode): ExitCode {
  return exitCodeByErrorCode[code];
}
