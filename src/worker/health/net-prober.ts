import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { nodeHttp } from '../../lib/node-http.ts';
import type { ProbeResult, Prober, ProbeTarget } from './prober.ts';

const HEADER_BYTES_MAX = 16 * 1024;

/**
 * Health checks over the machine's network. Only addresses of this machine are reached, so that a
 * task cannot have the worker ask another machine, or a cloud's metadata service, on its behalf.
 */
export const netProber: Prober = {
  http(target, path, signal) {
    return reach(target, signal, (settle) => {
      const outgoing = nodeHttp.request({
        host: target.host,
        port: target.port,
        path,
        method: 'GET',
        agent: false,
        maxHeaderSize: HEADER_BYTES_MAX,
        headers: { 'user-agent': 'cube-health-check', connection: 'close' },
      });
      outgoing.on('response', (incoming) => {
        const status = incoming.statusCode ?? 0;
        settle({ healthy: status >= 200 && status < 400, detail: `HTTP ${status}` });
      });
      outgoing.on('error', (error) => settle({ healthy: false, detail: describe(error) }));
      outgoing.end();
      // The status is all that counts: whatever body comes is cut off with the connection.
      return () => outgoing.destroy();
    });
  },

  tcp(target, signal) {
    return reach(target, signal, (settle) => {
      const socket = connect({ host: target.host, port: target.port });
      socket.on('connect', () => settle({ healthy: true, detail: 'connected' }));
      socket.on('error', (error) => settle({ healthy: false, detail: describe(error) }));
      return () => socket.destroy();
    });
  },
};

function reach(
  target: ProbeTarget,
  signal: AbortSignal,
  open: (settle: (result: ProbeResult) => void) => () => void,
): Promise<ProbeResult> {
  if (!isOwnAddress(target.host)) {
    const detail = `${target.host} is not an address of this machine`;
    return Promise.resolve({ healthy: false, detail });
  }
  return new Promise((resolve) => {
    let close: (() => void) | undefined;
    const settle = (result: ProbeResult): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(result);
      close?.();
    };
    const onAbort = (): void => settle({ healthy: false, detail: 'no answer in time' });
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    close = open(settle);
  });
}

/** Whether `address` is loopback or one of this machine's interfaces. */
export function isOwnAddress(address: string): boolean {
  if (address === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address)) return true;
  return Object.values(networkInterfaces()).some((interfaces) =>
    interfaces?.some((one) => one.address === address),
  );
}

function describe(error: Error & { readonly code?: string }): string {
  if (error.code === 'ECONNREFUSED') return 'connection refused';
  if (error.code === 'ECONNRESET') return 'connection reset';
  return error.code ?? error.message;
}
