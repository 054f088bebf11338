import { isPlaced } from '../../../src/task/task.ts';
import { type PlantedBug, withMethods } from './planted-bug.ts';

/** Bugs in what operators ask for: restarts, drained and resumed nodes. */
export const steeringBugs: readonly PlantedBug[] = [
  {
    name: 'empty promise: a restart is acknowledged and never made',
    checks: ['restart'],
    seedCountMax: 10,
    plant: () => ({
      service: (manager) =>
        withMethods(manager, { restartTask: async (id) => await manager.getTask(id) }),
    }),
  },
  {
    name: 'deaf to drains: the drain of a node is acknowledged and not recorded',
    checks: ['ack-durable'],
    seedCountMax: 5,
    plant: () => ({
      service: (manager) =>
        withMethods(manager, {
          drainNode: async (name, origin) => await manager.labelNode(name, {}, origin),
        }),
    }),
  },
  {
    name: 'settled in: what runs on a drained node is never found another one',
    checks: ['drain'],
    seedCountMax: 20,
    plant: () => ({
      scheduler: (scheduler) =>
        withMethods(scheduler, {
          selectCandidateNodes: (task, snapshot) => {
            const nodes = isPlaced(task) ? [] : snapshot.nodes;
            return scheduler.selectCandidateNodes(task, { ...snapshot, nodes });
          },
        }),
    }),
  },
];
