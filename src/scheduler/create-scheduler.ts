import { epvm } from './policies/epvm.ts';
import { greedy } from './policies/greedy.ts';
import { roundRobin } from './policies/round-robin.ts';
import type { Scheduler, SchedulerName } from './scheduler.ts';

const schedulers: Readonly<Record<SchedulerName, Scheduler>> = {
  epvm,
  greedy,
  roundrobin: roundRobin,
};

/** The policy of that name. Policies keep no state, so that one serves any number of clusters. */
export function createScheduler(name: SchedulerName): Scheduler {
  return schedulers[name];
}
