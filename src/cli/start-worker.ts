import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { createManagerLinkClient } from '../client/worker-client.ts';
import type { WorkerSettings } from '../config/daemon-settings.ts';
import { type Environment, findVariable } from '../config/environment.ts';
import { isWildcardHost, toBaseUrl } from '../config/host.ts';
import type { Listening } from '../http/server-options.ts';
import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { systemRandom } from '../lib/random.ts';
import type { NodeFacts, Resources } from '../node/node.ts';
import { createDockerRuntime } from '../runtime/docker/docker-runtime.ts';
import { meterRuntime } from '../runtime/metered-runtime.ts';
import { createProcessRuntime } from '../runtime/process/process-runtime.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { meterStore } from '../store/metered-store.ts';
import { netProber } from '../worker/health/net-prober.ts';
import { loadWorkerIdentity, saveWorkerIdentity } from '../worker/identity.ts';
import { createMachineStats, type MachineStats, machineCapacity } from '../worker/machine-stats.ts';
import { createWorker } from '../worker/worker.ts';
import { findTracer } from './find-tracer.ts';
import { loadMeanwhile } from './load-meanwhile.ts';
import { nodeFetch } from './node-fetch.ts';
import { openWorkerStore } from './open-store.ts';
import { type DaemonOptions, doorsOf } from './start-manager.ts';
import { readVersion } from './version.ts';

export interface RunningWorker extends Listening {
  readonly facts: () => NodeFacts;
  /** How many attempts run. */
  readonly taskCount: () => number;
  /** Ends it; tasks run on unless they are to be stopped first. Repeatable. */
  stop(options: { readonly stopTasks: boolean }): Promise<void>;
}

export interface StartWorkerOptions extends DaemonOptions {
  readonly environment: Environment;
  /** Other ports on which this Cube listens. */
  readonly ownPorts?: readonly number[];
  /** How many workers share the machine. Default 1. */
  readonly shareCount?: number;
  /**
   * The manager is a new cluster each time that it starts, so the worker is not bound to one.
   * Default false.
   */
  readonly isClusterForgotten?: boolean;
}

/**
 * A worker on its store, with every runtime that the machine may have, serving.
 *
 * @throws CubeError of the store or the identity file, or `address-in-use`; then nothing of it is
 *   left, and nothing that runs was touched.
 */
export async function startWorker(
  settings: WorkerSettings,
  options: StartWorkerOptions,
): Promise<RunningWorker> {
  const { logger, onFatal, shareCount = 1, isClusterForgotten = false } = options;
  const { dataDir, token, name } = settings;
  const version = readVersion();
  await using parts = new AsyncDisposableStack();
  const opening = openWorkerStore({
    kind: settings.store,
    directory: dataDir,
    logger,
    clock: systemClock,
  });
  const serving = loadMeanwhile(opening, () => import('./worker-serving.ts'));
  const store = await opening;
  parts.defer(() => store.close());
  const identityPath = join(dataDir, 'identity.json');
  const identity = await loadWorkerIdentity(identityPath, systemRandom);
  const { id } = identity;
  const runtimes = createRuntimes(settings, { ...options, worker: id });
  for (const runtime of runtimes) parts.defer(() => runtime.close());
  let listening: Listening | undefined;
  const managerUrl = settings.managerUrl;
  const link = createManagerLinkClient({ token, fetch: nodeFetch });
  const { createWorkerMetrics, createWorkerServer } = await serving;
  const metrics = createWorkerMetrics({ hasDefaults: true });
  const { meter } = metrics;
  const tracer = await findTracer(version);
  const worker = createWorker({
    store: meterStore(store, { clock: systemClock, onTransaction: meter.onTransaction }),
    runtimes: runtimes.map((runtime) =>
      meterRuntime(runtime, { clock: systemClock, onCall: meter.onCall }),
    ),
    identity: isClusterForgotten ? { id } : identity,
    ...(isClusterForgotten
      ? {}
      : { saveReign: (reign) => saveWorkerIdentity(identityPath, { id, ...reign }) }),
    onFatal,
    name,
    address: () => settings.advertise ?? addressOf(settings, listening?.port ?? settings.port),
    labels: settings.labels,
    capacity: { ...share(await machineCapacity(dataDir), shareCount), ...settings.capacity },
    bindRoots: settings.bindRoots,
    machine: shareStats(createMachineStats(dataDir), shareCount),
    prober: netProber,
    version,
    ...(managerUrl === undefined
      ? {}
      : {
          managerLink: {
            announce: (announcement, signal) => link.announce(managerUrl, announcement, signal),
          },
        }),
    logger,
    meter,
    tracer,
  });
  const server = await createWorkerServer({
    service: worker,
    logger,
    version,
    doors: doorsOf(settings),
    ownPorts: options.ownPorts,
    metrics,
    tracer,
  });
  parts.defer(() => server.close());
  listening = await server.listen(settings);
  parts.defer(() => worker.stop());
  await worker.start();
  const running = parts.move();
  return {
    ...listening,
    facts: () => worker.facts(),
    taskCount: () => worker.stats().taskCount,
    async stop({ stopTasks }) {
      await worker.stop({ stopTasks });
      await running.disposeAsync();
    },
  };
}

function addressOf({ host }: WorkerSettings, port: number): string {
  return toBaseUrl(isWildcardHost(host) ? hostname() : host, port);
}

/** An equal part of the machine for each of its workers. */
function share(whole: Resources, count: number): Resources {
  return {
    cpu: Math.round((whole.cpu / count) * 1000) / 1000,
    memory: Math.floor(whole.memory / count),
    disk: Math.floor(whole.disk / count),
  };
}

/** What is measured is the use of the whole machine, of which each worker has a part. */
function shareStats(machine: MachineStats, count: number): MachineStats {
  return {
    async sample() {
      const { used, load } = await machine.sample();
      return { used: share(used, count), load: load / count };
    },
  };
}

interface RuntimeOwner {
  readonly worker: string;
  readonly environment: Environment;
  readonly logger: Logger;
}

function createRuntimes(settings: WorkerSettings, owner: RuntimeOwner): readonly Runtime[] {
  const { worker, environment, logger } = owner;
  const dockerHost = findVariable(environment, 'DOCKER_HOST');
  const certPath = findVariable(environment, 'DOCKER_CERT_PATH');
  const home = findVariable(environment, 'HOME');
  const uid = process.getuid?.();
  return [
    createDockerRuntime({
      worker,
      clock: systemClock,
      random: systemRandom,
      logger,
      ...(dockerHost === undefined ? {} : { dockerHost }),
      ...(certPath === undefined ? {} : { certPath }),
      ...(home === undefined ? {} : { home }),
      ...(uid === undefined ? {} : { uid }),
      bindRoots: settings.bindRoots,
      forbiddenPaths: [
        ...settings.privatePaths,
        ...(certPath === undefined ? [] : [resolve(certPath)]),
      ],
    }),
    createProcessRuntime({
      directory: join(settings.dataDir, 'processes'),
      ...(settings.processUser === undefined ? {} : { user: settings.processUser }),
      ...(settings.processWorkDir === undefined ? {} : { workRoot: settings.processWorkDir }),
      worker,
      clock: systemClock,
      random: systemRandom,
      logger,
    }),
  ];
}
