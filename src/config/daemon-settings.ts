import { resolve } from 'node:path';
import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import type { Resources } from '../node/node.ts';
import type { SchedulerName } from '../scheduler/scheduler.ts';
import type { StoreKind } from '../store/store.ts';
import { type Environment, findVariable } from './environment.ts';
import { isLoopbackHost } from './host.ts';
import { DEFAULT_HOST, MANAGER_PORT, managerUrl, WORKER_PORT } from './manager-address.ts';
import { findSetting, parseSetting, type Setting } from './setting.ts';
import * as settings from './settings.ts';
import { findToken } from './token.ts';

/** What manager and worker have in common. */
export interface DaemonSettings {
  /** As an absolute path. */
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  /** Asked for by servers and sent by clients. */
  readonly token: string | undefined;
  readonly store: StoreKind;
  readonly allowRemoteProcess: boolean;
  /** Names by which clients may call, beside the machine's addresses. */
  readonly names: readonly string[];
  /** Absolute paths that no task is ever shown: all data of this Cube, and its token. */
  readonly privatePaths: readonly string[];
}

export interface ManagerSettings extends DaemonSettings {
  readonly scheduler: SchedulerName;
  readonly nodeTimeoutMs: number | undefined;
  /** Addresses of workers that do not announce themselves. */
  readonly workerAddresses: readonly string[];
}

export interface WorkerSettings extends DaemonSettings {
  readonly name: string;
  /** The manager to join; undefined for a worker that waits to be called. */
  readonly managerUrl: string | undefined;
  /** Where the manager reaches it; by default where it listens. */
  readonly advertise: string | undefined;
  /** What is not given is measured. */
  readonly capacity: Partial<Resources>;
  readonly labels: Readonly<Record<string, string>>;
  readonly bindRoots: readonly string[];
  /** As whom plain processes run; undefined for the worker's own user. */
  readonly processUser: ProcessUserSetting | undefined;
  /** Where tasks of that user have their working directories; undefined for the default. */
  readonly processWorkDir: string | undefined;
}

type ProcessUserSetting = string | { readonly userId: number; readonly groupId: number };

/** The flags of all three commands, as text. */
interface DaemonFlags {
  readonly dataDir?: string;
  readonly host?: string;
  readonly port?: string;
  readonly tokenFile?: string;
  readonly store?: string;
  readonly allowRemoteProcess?: boolean;
  readonly allowName?: readonly string[];
}

export interface ManagerFlags extends DaemonFlags {
  readonly scheduler?: string;
  readonly nodeTimeout?: string;
}

export interface WorkerFlags extends DaemonFlags {
  readonly name?: string;
  readonly manager?: string;
  readonly advertise?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly label?: readonly string[];
  readonly allowBind?: readonly string[];
  readonly processUser?: string;
  readonly processWorkDir?: string;
}

/** Where a daemon listens when neither flag nor variable says so. */
interface Place {
  readonly host: Setting<string>;
  readonly port: Setting<number>;
  readonly defaultPort: number;
}

const managerPlace: Place = {
  host: settings.managerHost,
  port: settings.managerPort,
  defaultPort: MANAGER_PORT,
};

const workerPlace: Place = {
  host: settings.workerHost,
  port: settings.workerPort,
  defaultPort: WORKER_PORT,
};

/** @throws CubeError `configuration`, naming the flag or variable that is wrong. */
export async function resolveManagerSettings(
  flags: ManagerFlags & { readonly workers?: string },
  environment: Environment,
): Promise<ManagerSettings> {
  const common = await resolveCommon(flags, environment, managerPlace);
  return {
    ...common,
    ...resolvePolicy(flags),
    workerAddresses: flags.workers === undefined ? [] : parseWorkers(flags.workers, common),
  };
}

/** @throws CubeError `configuration`, naming the flag or variable that is wrong. */
export async function resolveWorkerSettings(
  flags: WorkerFlags,
  environment: Environment,
  defaultName: string,
): Promise<WorkerSettings> {
  const common = await resolveCommon(flags, environment, workerPlace);
  const manager = flags.manager;
  return {
    ...common,
    ...resolveMachine(flags),
    name: findSetting(settings.nodeName, flags.name, environment) ?? defaultName,
    managerUrl: manager === undefined ? undefined : parseSetting(managerUrl, manager, '--manager'),
    advertise:
      flags.advertise === undefined
        ? undefined
        : parseSetting({ ...managerUrl, flag: '--advertise' }, flags.advertise, '--advertise'),
  };
}

export interface UpSettings {
  readonly manager: ManagerSettings;
  readonly workers: readonly Omit<WorkerSettings, 'managerUrl'>[];
}

/** One manager and its workers on this machine; the workers share what the machine has. */
export async function resolveUpSettings(
  flags: ManagerFlags & WorkerFlags & { readonly workers?: string; readonly workerPort?: string },
  environment: Environment,
): Promise<UpSettings> {
  const common = await resolveCommon(flags, environment, managerPlace);
  const count = findSetting(settings.workerCount, flags.workers, {}) ?? 1;
  const port = findSetting(settings.upWorkerPort, flags.workerPort, environment) ?? WORKER_PORT;
  const variable = findVariable(environment, 'CUBE_WORKER_HOST');
  const host =
    variable === undefined
      ? DEFAULT_HOST
      : parseSetting(settings.workerHost, variable, 'CUBE_WORKER_HOST');
  assertGuarded(host, common.token);
  assertFits(port, count);
  const machine = resolveMachine(flags);
  return {
    manager: { ...common, ...resolvePolicy(flags), workerAddresses: [] },
    workers: Array.from({ length: count }, (_, index) => ({
      ...common,
      ...machine,
      host,
      port: port === 0 ? 0 : port + index,
      dataDir: resolve(common.dataDir, `worker-${index + 1}`),
      name: `worker-${index + 1}`,
      advertise: undefined,
    })),
  };
}

async function resolveCommon(
  flags: DaemonFlags,
  environment: Environment,
  place: Place,
): Promise<DaemonSettings> {
  const host = findSetting(place.host, flags.host, environment) ?? DEFAULT_HOST;
  const token = await findToken(flags.tokenFile, environment);
  assertGuarded(host, token);
  const dataDir = resolveDataDir(flags.dataDir, environment);
  return {
    dataDir,
    privatePaths: flags.tokenFile === undefined ? [dataDir] : [dataDir, resolve(flags.tokenFile)],
    host,
    port: findSetting(place.port, flags.port, environment) ?? place.defaultPort,
    token,
    store: findSetting(settings.storeKind, flags.store, {}) ?? 'persistent',
    allowRemoteProcess: flags.allowRemoteProcess === true,
    names: flags.allowName ?? [],
  };
}

/** Where the data are, from flag, variable or the home directory. @throws CubeError `configuration` */
export function resolveDataDir(flagValue: string | undefined, environment: Environment): string {
  const given = findSetting(settings.dataDir, flagValue, environment);
  if (given !== undefined) return resolve(given);
  const home = findVariable(environment, 'HOME') ?? findVariable(environment, 'USERPROFILE');
  if (home !== undefined) return resolve(home, '.cube');
  throw new CubeError('configuration', 'There is no place for the data: HOME is not set.', {
    hint: 'Name a directory with --data-dir or CUBE_DATA_DIR.',
  });
}

/** Whoever reaches the port can run programs here, so beyond this machine it takes a token. */
function assertGuarded(host: string, token: string | undefined): void {
  if (token !== undefined || isLoopbackHost(host)) return;
  throw new CubeError(
    'configuration',
    `Listening on ${host} needs a token: whoever reaches the port can run programs on this machine.`,
    {
      hint: 'Make one with (umask 077; head -c 32 /dev/urandom | base64 > cube.token) and give it with --token-file cube.token, or leave --host out.',
    },
  );
}

function resolvePolicy(flags: ManagerFlags): Pick<ManagerSettings, 'scheduler' | 'nodeTimeoutMs'> {
  return {
    scheduler: findSetting(settings.schedulerName, flags.scheduler, {}) ?? 'epvm',
    nodeTimeoutMs: findSetting(settings.nodeTimeoutMs, flags.nodeTimeout, {}),
  };
}

function resolveMachine(
  flags: WorkerFlags,
): Pick<WorkerSettings, 'capacity' | 'labels' | 'bindRoots' | 'processUser' | 'processWorkDir'> {
  const cpu = findSetting(settings.cpuCapacity, flags.cpu, {});
  const memory = findSetting(settings.memoryCapacity, flags.memory, {});
  const disk = findSetting(settings.diskCapacity, flags.disk, {});
  return {
    capacity: {
      ...(cpu === undefined ? {} : { cpu }),
      ...(memory === undefined ? {} : { memory }),
      ...(disk === undefined ? {} : { disk }),
    },
    labels: Object.fromEntries(
      (flags.label ?? []).map((text) => parseSetting(settings.nodeLabel, text, '--label')),
    ),
    bindRoots: (flags.allowBind ?? []).map((path) =>
      parseSetting(settings.bindRoot, path, '--allow-bind'),
    ),
    processUser: findSetting(settings.processUser, flags.processUser, {}),
    processWorkDir: findSetting(settings.processWorkDir, flags.processWorkDir, {}),
  };
}

/** `host:port,host:port`, as in the reference. */
function parseWorkers(text: string, own: DaemonSettings): readonly string[] {
  const refuse = (why: string): CubeError =>
    new CubeError('configuration', `--workers is ${quoteText(text)}: ${why}.`, {
      hint: 'For example: --workers 10.0.0.1:5556,10.0.0.2:5556',
    });
  const seen = new Set<string>();
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === '') throw refuse('one of the addresses is empty');
    const hasPort = /:\d+\/?$/.test(part);
    const url = managerUrl.parse(hasPort ? part : `${part}:${WORKER_PORT}`);
    if (url === undefined) throw refuse(`${quoteText(part)} is not host:port`);
    if (seen.has(url)) throw refuse(`${quoteText(part)} is there twice`);
    const { hostname, port } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, '');
    const isOwn = host === own.host || (isLoopbackHost(host) && isLoopbackHost(own.host));
    if (isOwn && Number(port || '80') === own.port) {
      throw refuse(`${quoteText(part)} is the address of the manager itself`);
    }
    seen.add(url);
  }
  return [...seen];
}

function assertFits(port: number, count: number): void {
  if (port === 0 || port + count - 1 <= 65_535) return;
  throw new CubeError(
    'configuration',
    `--worker-port ${port} and --workers ${count} contradict: the last worker would have port ${port + count - 1}.`,
    { hint: 'Choose a lower --worker-port.' },
  );
}
