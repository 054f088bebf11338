// All that serves, as one thing to load while the store opens (load-meanwhile.ts).
export { createManagerMetrics } from '../http/manager-metrics.ts';
export { createManagerServer } from '../http/manager-server.ts';
