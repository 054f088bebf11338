import type { CubeError } from '../errors/cube-error.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { type Logger, noopLogger } from '../lib/logger.ts';
import { type Random, systemRandom } from '../lib/random.ts';
import { noopTracer, type Tracer } from '../lib/tracer.ts';
import type { Announcement, JoinReply } from '../link/protocol.ts';
import type { Resources } from '../node/node.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import type { Prober } from './health/prober.ts';
import type { MachineStats } from './machine-stats.ts';
import type { KnownReign } from './orders.ts';
import { noopWorkerMeter, type WorkerMeter } from './worker-meter.ts';

/** The way to the manager, for a worker that presents itself. */
export interface ManagerLink {
  /** @throws CubeError `wrong-cluster`, `name-taken`, `unauthorized`, `unreachable`, … */
  announce(announcement: Announcement, signal: AbortSignal): Promise<JoinReply>;
}

export interface WorkerOptions {
  /** Stays open after the worker has stopped; the owner closes it. */
  readonly store: Store;
  /** Likewise. At most one of each name. */
  readonly runtimes: readonly Runtime[];
  /** From the identity file. */
  readonly identity: { readonly id: string } & KnownReign;
  /** Keeps in the identity file whom the worker obeys, each time it has learnt of a newer one. */
  readonly saveReign?: (reign: Required<KnownReign>) => Promise<void>;
  /**
   * Called once when the store has failed for good (`storage-failed`): what runs goes on, but only
   * a new worker on a newly opened store can do anything more.
   */
  readonly onFatal?: (error: CubeError) => void;
  /** The node's name, unique in the cluster. */
  readonly name: string;
  /** As http://host:port; a function where it is known only after listening. */
  readonly address: string | (() => string);
  /** Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Cores, and bytes of memory and disk, that tasks may reserve. */
  readonly capacity: Resources;
  /** Folders below which tasks may bind; told to the manager. Default: none. */
  readonly bindRoots?: readonly string[];
  readonly machine: MachineStats;
  /** How health checks reach a task's own port. */
  readonly prober: Prober;
  /** The version of Cube. */
  readonly version: string;
  /** Where absent the manager is told of this worker in another way. */
  readonly managerLink?: ManagerLink;
  /**
   * Starts at the same time in each runtime, at most; those that take longer than 5 s, as for a
   * large image, do not count. Default: four for each core, from 2 to 64.
   */
  readonly startConcurrency?: number;
  /** Until the manager says otherwise, in milliseconds. Default 1 s. */
  readonly heartbeatMs?: number;
  /** A full comparison with each runtime, in milliseconds. Default 10 s. */
  readonly compareMs?: number;
  /** How often each runtime is asked whether it works, in milliseconds. Default 3 s. */
  readonly probeMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** Default: nothing is measured. */
  readonly meter?: WorkerMeter;
  /** Default: no traces. */
  readonly tracer?: Tracer;
}

type OptionalOption = 'managerLink' | 'saveReign' | 'onFatal';

/** The options with every default filled in. */
export type CompleteWorkerOptions = Readonly<
  Required<Omit<WorkerOptions, OptionalOption>> & Pick<WorkerOptions, OptionalOption>
>;

export function completeWorkerOptions(options: WorkerOptions): CompleteWorkerOptions {
  return Object.freeze({
    labels: {},
    bindRoots: [],
    startConcurrency: Math.min(64, Math.max(2, Math.ceil(options.capacity.cpu * 4))),
    heartbeatMs: 1000,
    compareMs: 10_000,
    probeMs: 3000,
    clock: systemClock,
    random: systemRandom,
    logger: noopLogger,
    meter: noopWorkerMeter,
    tracer: noopTracer,
    ...options,
  });
}
