import { toBaseUrl } from '../config/host.ts';
import { CubeError } from '../errors/cube-error.ts';
import type { CliIo } from './cli-io.ts';
import { isCube } from './is-cube.ts';

export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
  /** By which it can be changed: `--port`. */
  readonly flag: string;
}

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
