export { createWorkerMetrics } from '../http/worker-metrics.ts';
export { createWorkerServer } from '../http/worker-server.ts';
