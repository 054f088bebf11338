import type { Registry } from 'prom-client';
import type { CubeEvent } from '../event/event.ts';
import { livenessStates } from '../node/node.ts';
import { taskStates } from '../task/task-state.ts';
import { type ManagerService, queueNames } from './manager-service.ts';
import {
  addCounter,
  addGauge,
  addHistogram,
  createServerMetrics,
  createStoreMeter,
  type ServerMetrics,
  type StoreMeter,
  WAIT_BUCKETS,
} from './metrics.ts';

/** Is told what a manager does; `Manager` takes it as its meter. */
interface ManagerEventMeter {
  onEvent(event: CubeEvent): void;
  onStage(stage: string, seconds: number): void;
  onRunning(seconds: number): void;
}

/** The metrics of a manager: what it tells of itself, and what its server adds. */
export interface ManagerMetrics extends ServerMetrics {
  readonly meter: ManagerEventMeter & StoreMeter;
}

export function createManagerMetrics(options: { readonly hasDefaults: boolean }): ManagerMetrics {
  const metrics = createServerMetrics(options);
  const { registry } = metrics;
  const meter = { ...createEventMeter(registry), ...createStoreMeter(registry, 'cube_store') };
  return { ...metrics, meter };
}

function createEventMeter(registry: Registry): ManagerEventMeter {
  const events = addCounter(registry, {
    name: 'cube_events_total',
    help: 'Events made durable, by type.',
    labelNames: ['type'],
  });
  const placements = addCounter(registry, {
    name: 'cube_placements_total',
    help: 'Decisions of the scheduler: placed, or the code of the reason to wait that was new.',
    labelNames: ['outcome'],
  });
  const attempts = addCounter(registry, {
    name: 'cube_task_restarts_total',
    help: 'Attempts after the first of a task: restarts, and moves to another node.',
  });
  const ends = addCounter(registry, {
    name: 'cube_task_ends_total',
    help: 'Attempts that ended, by the state that followed and the code of the reason.',
    labelNames: ['state', 'reason'],
  });
  const stages = addHistogram(registry, {
    name: 'cube_task_stage_duration_seconds',
    help: 'Time that each stage takes: commit, schedule, order, start.',
    labelNames: ['stage'],
    buckets: WAIT_BUCKETS,
  });
  const running = addHistogram(registry, {
    name: 'cube_task_startup_duration_seconds',
    help: 'Time from the acceptance of a task until it is durable that it runs.',
    buckets: WAIT_BUCKETS,
  });
  return {
    onEvent({ type, attempt = 0, reason, after }) {
      events.inc({ type });
      if (type === 'task-scheduled') {
        placements.inc({ outcome: 'placed' });
        if (attempt > 1) attempts.inc();
      }
      const code = reason?.code ?? 'none';
      if (type === 'task-waiting') placements.inc({ outcome: code });
      const hasEnded = type === 'task-completed' || type === 'task-failed';
      if (hasEnded && after !== undefined) ends.inc({ state: after, reason: code });
    },
    onStage: (stage, seconds) => stages.observe({ stage }, seconds),
    onRunning: (seconds) => running.observe(seconds),
  };
}

/** Tells of the cluster at /metrics. */
export function addManagerGauges(registry: Registry, service: ManagerService): void {
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
  addGauge(registry, {
    name: 'cube_queue_length',
    help: 'What waits: changes to be made durable, tasks for a node or their restart, reports.',
    labelNames: ['queue'],
    read: () => {
      const lengths = service.queueLengths();
      return queueNames.map((queue) => [lengths[queue], { queue }]);
    },
  });
  addResourceGauge(registry, service);
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

/** Sums over the nodes that are up, so that a thousand of them are no more series than one. */
function addResourceGauge(registry: Registry, service: ManagerService): void {
  const resources = ['cpu', 'memory', 'disk'] as const;
  addGauge(registry, {
    name: 'cube_resources',
    help: 'Cores, and bytes of memory and disk, of the nodes that are up: what they have, what is promised to tasks, and what is in use.',
    labelNames: ['resource', 'kind'],
    read: () => {
      const up = service.listNodes().filter(({ node }) => node.liveness === 'up');
      const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
      return resources.flatMap((resource) => [
        [sum(up.map(({ node }) => node.capacity[resource])), { resource, kind: 'capacity' }],
        [sum(up.map(({ committed }) => committed[resource])), { resource, kind: 'committed' }],
        [sum(up.map(({ stats }) => stats?.used[resource] ?? 0)), { resource, kind: 'used' }],
      ]);
    },
  });
}
