import type { Registry } from 'prom-client';
import { taskStates } from '../task/task-state.ts';
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
import type { WorkerService } from './worker-service.ts';

/** Is told what a worker does; `Worker` takes it as its meter, and its runtimes take it too. */
interface WorkerEventMeter {
  onPhase(phase: string): void;
  onHealthCheck(check: { readonly finding: string; readonly seconds: number }): void;
  onCall(call: {
    readonly runtime: string;
    readonly call: string;
    readonly outcome: string;
    readonly seconds: number;
  }): void;
}

/** The metrics of a worker: what it tells of itself, and what its server adds. */
export interface WorkerMetrics extends ServerMetrics {
  readonly meter: WorkerEventMeter & StoreMeter;
}

export function createWorkerMetrics(options: { readonly hasDefaults: boolean }): WorkerMetrics {
  const metrics = createServerMetrics(options);
  const { registry } = metrics;
  const store = createStoreMeter(registry, 'cube_worker_store');
  return { ...metrics, meter: { ...createEventMeter(registry), ...store } };
}

function createEventMeter(registry: Registry): WorkerEventMeter {
  const phases = addCounter(registry, {
    name: 'cube_worker_attempts_total',
    help: 'Attempts by the phase that they came to: preparing, running, ended.',
    labelNames: ['phase'],
  });
  const checks = addHistogram(registry, {
    name: 'cube_worker_health_check_duration_seconds',
    help: 'Health checks of tasks, by what was found.',
    labelNames: ['finding'],
    buckets: WAIT_BUCKETS,
  });
  const duration = addHistogram(registry, {
    name: 'cube_runtime_call_duration_seconds',
    help: 'Calls of a runtime; a start includes the pull of its image.',
    labelNames: ['runtime', 'call'],
    buckets: WAIT_BUCKETS,
  });
  const calls = addCounter(registry, {
    name: 'cube_runtime_calls_total',
    help: 'Calls of a runtime by outcome: done, aborted, or the code of the error.',
    labelNames: ['runtime', 'call', 'outcome'],
  });
  return {
    onPhase: (phase) => phases.inc({ phase }),
    onHealthCheck: ({ finding, seconds }) => checks.observe({ finding }, seconds),
    onCall({ runtime, call, outcome, seconds }) {
      duration.observe({ runtime, call }, seconds);
      calls.inc({ runtime, call, outcome });
    },
  };
}

/** Tells of the tasks and the machine at /metrics. */
export function addWorkerGauges(registry: Registry, service: WorkerService): void {
  addGauge(registry, {
    name: 'cube_worker_tasks',
    help: 'Tasks on this worker by state.',
    labelNames: ['state'],
    read: () => {
      const tasks = service.listTasks();
      return taskStates.map((state) => [
        tasks.filter(({ status }) => status.state === state).length,
        { state },
      ]);
    },
  });
  addGauge(registry, {
    name: 'cube_runtime_up',
    help: '1 while the runtime works.',
    labelNames: ['runtime'],
    read: () =>
      service.facts().runtimes.map(({ name, available }) => [available ? 1 : 0, { runtime: name }]),
  });
  const single = (name: string, help: string, read: () => number): void =>
    addGauge(registry, { name, help, read: () => [[read()]] });
  single('cube_worker_cpu_cores', 'Cores in use.', () => service.stats().used.cpu);
  single('cube_worker_memory_bytes', 'Memory in use.', () => service.stats().used.memory);
  single('cube_worker_disk_bytes', 'Disk in use.', () => service.stats().used.disk);
  single('cube_worker_load', 'Load average over one minute.', () => service.stats().load);
}
