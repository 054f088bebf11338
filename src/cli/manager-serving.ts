export { createManagerMetrics } from '../http/manager-metrics.ts';
export { createManagerServer } from '../http/manager-server.ts';
