import { toBaseUrl } from '../config/host.ts';
import { CubeError } from '../errors/cube-error.ts';
import type { CliIo } from './cli-io.ts';

export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
  /** By which it can be changed: `--port`. */
  readonly flag: string;
}

const PROBE_MS = 1000;
const ANSWER_LENGTH_MAX = 1000;

/**
 * Adds to an `address-in-use` who it is that listens there, as far as that can be found out, and
 * by which flag to choose another port.
 */
export async function explainAddress(
  io: CliIo,
  address: ListeningAddress,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof CubeError) || error.code !== 'address-in-use') return error;
  const { host, port, flag } = address;
  const place = toBaseUrl(host, port);
  const message = (await isCube(io, place))
    ? `Another Cube serves at ${place} already.`
    : error.message;
  return new CubeError(error.code, message, {
    cause: error,
    hint: `Stop it, or choose another port with ${flag}.`,
  });
}

/** Whether what listens there answers as Cube does. */
async function isCube(io: CliIo, url: string): Promise<boolean> {
  const abort = new AbortController();
  const timer = io.clock.setTimer(PROBE_MS, () => abort.abort());
  try {
    const response = await io.fetch(`${url}/healthz`, { signal: abort.signal });
    const answer: unknown = JSON.parse((await response.text()).slice(0, ANSWER_LENGTH_MAX));
    return typeof answer === 'object' && answer !== null && 'healthy' in answer;
  } catch {
    // Whatever it is, it does not speak as Cube does.
    return false;
  } finally {
    timer.cancel();
  }
}
