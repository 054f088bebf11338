import { CubeError, messageOf } from '../errors/cube-error.ts';

/** Says in words why a server could not listen, and what to do. */
export function toListenError(
  error: unknown,
  address: { readonly host: string; readonly port: number },
): CubeError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const place = `${address.host}:${address.port}`;
  switch (code) {
    case 'EADDRINUSE':
      return new CubeError('address-in-use', `Another program listens on ${place} already.`, {
        cause: error,
        hint: 'Stop it, or choose another port.',
      });
    case 'EADDRNOTAVAIL':
      return new CubeError('configuration', `${address.host} is not an address of this machine.`, {
        cause: error,
        hint: 'Use 127.0.0.1, 0.0.0.0 or one that "ip address" shows.',
      });
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CubeError('configuration', `The host name ${address.host} does not resolve.`, {
        cause: error,
        hint: 'Give an IP address of this machine.',
      });
    case 'EACCES':
      return new CubeError('configuration', `Listening on ${place} is not permitted.`, {
        cause: error,
        hint: 'Ports below 1024 need special rights: choose a higher one.',
      });
    default:
      return new CubeError('configuration', `Cannot listen on ${place}: ${messageOf(error)}`, {
        cause: error,
      });
  }
}
