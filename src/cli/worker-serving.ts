// All that serves, as one thing to load while the store opens (load-meanwhile.ts).
export { createWorkerMetrics } from '../http/worker-metrics.ts';
export { createWorkerServer } from '../http/worker-server.ts';
