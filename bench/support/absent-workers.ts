import type { WorkerLink } from '../../src/manager/worker-link.ts';
import { unreachable } from '../../src/simulation/network/simulated-network.ts';

/** A link over which no worker is ever reached. */
export const absentWorkers: WorkerLink = {
  assign: async (address) => {
    throw unreachable(address);
  },
  list: async (address) => {
    throw unreachable(address);
  },
  // biome-ignore lint/correctness/useYield: nothing ever comes from a worker that is away.
  reports: async function* (address) {
    throw unreachable(address);
  },
  // biome-ignore lint/correctness/useYield: nor does any output.
  logs: async function* (address) {
    throw unreachable(address);
  },
  // biome-ignore lint/correctness/useYield: nor can anything be run.
  openSession: async function* (address) {
    throw unreachable(address);
  },
  usage: async (address) => {
    throw unreachable(address);
  },
};
