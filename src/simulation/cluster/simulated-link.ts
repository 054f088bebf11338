import type { StreamItem } from '../../link/protocol.ts';
import type { WorkerLink } from '../../manager/worker-link.ts';
import type { Worker } from '../../worker/worker.ts';
import { type ReportStreams, tornLine } from '../network/report-streams.ts';
import { MANAGER, type SimulatedNetwork, unreachable } from '../network/simulated-network.ts';
import { plain } from '../plain.ts';
import type { ClusterWatch } from './cluster-watch.ts';
import type { Life } from './life.ts';

/** What a link needs of the cluster around it. */
export interface SimulatedLinkOptions {
  readonly network: SimulatedNetwork;
  readonly streams: ReportStreams;
  /** The machine of this name, and the worker that runs there now, if any. */
  readonly findMachine: (name: string) => {
    readonly name: string;
    readonly life: Life;
    readonly worker: Worker | undefined;
  };
  readonly watch: ClusterWatch | undefined;
}

/** How a manager, in one of its lives, reaches the workers of a simulated cluster. */
export function createSimulatedLink(options: SimulatedLinkOptions, life: Life): WorkerLink {
  const { findMachine, watch } = options;
  return {
    assign: (address, assignments, signal) =>
      life.call(() =>
        ask(options, { address, signal }, async (worker) => {
          const { hostname } = new URL(address);
          try {
            await worker.assign(plain(assignments));
          } catch (error) {
            watch?.onOrders?.(hostname, assignments, error);
            throw error;
          }
          watch?.onOrders?.(hostname, assignments);
        }),
      ),
    list: (address, signal) =>
      life.call(() => ask(options, { address, signal }, async (worker) => plain(worker.list()))),
    reports: (address, after, signal) => reports(options, life, { address, after, signal }),
    usage: (address, signal) =>
      life.call(() => ask(options, { address, signal }, (worker) => worker.usage())),
    openSession: (address, key, session) => {
      const { worker } = findMachine(new URL(address).hostname);
      if (worker === undefined) throw unreachable(address);
      return worker.openSession(key, session);
    },
    logs: (address, key, logOptions) => {
      const { worker } = findMachine(new URL(address).hostname);
      if (worker === undefined) throw unreachable(address);
      return worker.logs(key, logOptions, logOptions.signal);
    },
  };
}

/** Asks the worker that listens at an address. */
function ask<Reply>(
  { network, findMachine }: SimulatedLinkOptions,
  route: { readonly address: string; readonly signal: AbortSignal },
  act: (worker: Worker) => Promise<Reply>,
): Promise<Reply> {
  const { hostname } = new URL(route.address);
  return network.request({ from: MANAGER, to: hostname, signal: route.signal }, async () => {
    const { worker, life } = findMachine(hostname);
    if (worker === undefined) throw unreachable(route.address);
    return await life.serve(() => act(worker));
  });
}

async function* reports(
  options: SimulatedLinkOptions,
  life: Life,
  open: { readonly address: string; readonly after: number; readonly signal: AbortSignal },
): AsyncGenerator<StreamItem> {
  const { network, streams, findMachine, watch } = options;
  const { name, life: workerLife } = findMachine(new URL(open.address).hostname);
  const broken = new AbortController();
  const signal = AbortSignal.any([open.signal, broken.signal]);
  const breakOff = (): void => broken.abort(unreachable(open.address));
  using stream = streams.open(name);
  const takeBack = [workerLife.onEnd(breakOff), life.onEnd(breakOff)];
  try {
    const worker = await ask(options, { address: open.address, signal }, async (one) => one);
    for await (const item of worker.reports(open.after, signal)) {
      await workerLife.whileAwake();
      const { fate } = stream;
      if (fate !== undefined) watch?.onStreamFate?.(fate);
      if (fate === 'ended') return;
      if (fate === 'torn') throw tornLine(name);
      // What is sent while cut off is lost; the stream itself stalls rather than ends.
      const isLost = fate === 'stalled' || !(await network.carry({ from: name, to: MANAGER }));
      if (isLost) await stalled(signal);
      await life.whileAwake();
      if (life.isOver) await stalled(signal);
      signal.throwIfAborted();
      watch?.onReport?.(name, item);
      yield plain(item);
    }
    signal.throwIfAborted();
  } finally {
    for (const back of takeBack) back();
  }
}

/** Waits for the end of a stream of which nothing comes any more. */
function stalled(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
