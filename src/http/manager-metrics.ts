import type { Registry } from 'prom-client';
import { livenessStates } from '../node/node.ts';
import { taskStates } from '../task/task-state.ts';
import type { ManagerService } from './manager-service.ts';
import { addGauge } from './metrics.ts';

/** Tells of the cluster at /metrics. */
export function addManagerMetrics(registry: Registry, service: ManagerService): void {
  addGauge(registry, {
    name: 'cube_tasks',
    help: 'Tasks by state.',
    labelNames: ['state'],
    read: () => {
      const { taskCounts } = service.status();
      return taskStates.map((state) => [taskCounts[state], { state }]);
    },
  });
  addGauge(registry, {
    name: 'cube_nodes',
    help: 'Nodes by liveness.',
    labelNames: ['liveness'],
    read: () => {
      const nodes = service.listNodes();
      return livenessStates.map((liveness) => [
        nodes.filter(({ node }) => node.liveness === liveness).length,
        { liveness },
      ]);
    },
  });
  const single = (name: string, help: string, read: () => number): void =>
    addGauge(registry, { name, help, read: () => [[read()]] });
  single('cube_revision', 'The newest revision.', () => service.status().revision);
  single('cube_floor_revision', 'Events up to here are pruned.', () => service.status().floor);
  single('cube_epoch', 'The reign of this manager.', () => service.status().epoch);
  single('cube_store_bytes', 'Size of the store.', () => service.status().storeBytes);
  single('cube_healthy', '1 while changes can be made durable.', () =>
    service.status().healthy ? 1 : 0,
  );
}
