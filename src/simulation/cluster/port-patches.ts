import type { Clock } from '../../lib/clock.ts';
import type { Manager } from '../../manager/manager.ts';
import type { WorkerLink } from '../../manager/worker-link.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Scheduler } from '../../scheduler/scheduler.ts';
import type { Store } from '../../store/store.ts';

/**
 * What stands between the programs of a simulated cluster and their ports. A test plants a bug
 * here, to see that the checks find it; without patches every port is as it is.
 */
export interface PortPatches {
  readonly managerStore?: (store: Store) => Store;
  readonly managerClock?: (clock: Clock) => Clock;
  readonly link?: (link: WorkerLink) => WorkerLink;
  readonly scheduler?: (scheduler: Scheduler) => Scheduler;
  readonly workerStore?: (store: Store) => Store;
  readonly workerClock?: (clock: Clock) => Clock;
  /** `others`: as if it were the runtime of what runs on the same machine and is not its own. */
  readonly runtime?: (runtime: Runtime, others: Runtime) => Runtime;
  /** The manager as clients see it. */
  readonly service?: (manager: Manager) => Manager;
}

/** The port as patched, or as it is. */
export function patched<Port>(patch: ((port: Port) => Port) | undefined, port: Port): Port {
  return patch === undefined ? port : patch(port);
}
