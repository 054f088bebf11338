import { hostname } from 'node:os';
import { createWorkerClient } from '../client/worker-client.ts';
import type { ManagerSettings } from '../config/daemon-settings.ts';
import { isLoopbackHost } from '../config/host.ts';
import type { CubeError } from '../errors/cube-error.ts';
import type { ManagerService } from '../http/manager-service.ts';
import type { Listening } from '../http/server-options.ts';
import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Manager } from '../manager/manager.ts';
import { createScheduler } from '../scheduler/create-scheduler.ts';
import { meterStore } from '../store/metered-store.ts';
import { findTracer } from './find-tracer.ts';
import { loadMeanwhile } from './load-meanwhile.ts';
import { nodeFetch } from './node-fetch.ts';
import { openManagerStore } from './open-store.ts';
import { readDashboard } from './read-dashboard.ts';
import { readVersion } from './version.ts';

export interface DaemonOptions {
  readonly logger: Logger;
  /** It cannot go on: the store has failed, or another manager reigns. */
  readonly onFatal: (error: CubeError) => void;
}

export interface RunningManager extends Listening {
  readonly service: ManagerService;
  /** Where a browser shows it; undefined where the dashboard was not built. */
  readonly dashboardUrl: string | undefined;
  /** Ends it; tasks run on. Repeatable. */
  stop(): Promise<void>;
}

/**
 * A manager on its store, serving.
 *
 * @throws CubeError of the store, or `address-in-use`; then nothing of it is left.
 */
export async function startManager(
  settings: ManagerSettings,
  options: DaemonOptions & { readonly ownPorts?: readonly number[] },
): Promise<RunningManager> {
  const { logger, onFatal, ownPorts } = options;
  const version = readVersion();
  const { dataDir, token, store: kind, nodeTimeoutMs } = settings;
  await using parts = new AsyncDisposableStack();
  const opening = openManagerStore({ kind, directory: dataDir, logger });
  const serving = loadMeanwhile(opening, () => import('./manager-serving.ts'));
  const store = await opening;
  parts.defer(() => store.close());
  const { createManagerMetrics, createManagerServer } = await serving;
  const metrics = createManagerMetrics({ hasDefaults: true });
  const { meter } = metrics;
  const tracer = await findTracer(version);
  const manager = new Manager({
    store: meterStore(store, { clock: systemClock, onTransaction: meter.onTransaction }),
    link: createWorkerClient({ token, fetch: nodeFetch }),
    scheduler: createScheduler(settings.scheduler),
    workerAddresses: settings.workerAddresses,
    ...(nodeTimeoutMs === undefined ? {} : { nodeTimeoutMs }),
    onFatal,
    version,
    logger,
    meter,
    tracer,
  });
  parts.defer(() => manager.stop());
  const dashboard = await readDashboard();
  const server = await createManagerServer({
    service: manager,
    logger,
    version,
    doors: doorsOf(settings),
    ownPorts,
    metrics,
    tracer,
    dashboard,
  });
  parts.defer(() => server.close());
  // First the port, so that a manager that cannot serve does not begin a reign.
  const listening = await server.listen(settings);
  await manager.start();
  const running = parts.move();
  return {
    ...listening,
    service: manager,
    dashboardUrl: dashboard === undefined ? undefined : `${listening.url}/`,
    stop: () => running.disposeAsync(),
  };
}

/** Who may call a server, and by which names. */
export function doorsOf(
  settings: Pick<ManagerSettings, 'host' | 'names' | 'token' | 'allowRemoteProcess'>,
): {
  readonly token: string | undefined;
  readonly names: readonly string[];
  readonly allowRemoteProcess: boolean;
} {
  const { host, names, token, allowRemoteProcess } = settings;
  const own = isLoopbackHost(host) ? [] : [hostname()];
  return { token, names: [...own, ...names], allowRemoteProcess };
}
