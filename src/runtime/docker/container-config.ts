import type Docker from 'dockerode';
import { durationMs } from '../../task/spec-fields.ts';
import type { TaskSpec } from '../../task/task-spec.ts';
import type { InstanceSpec } from '../runtime.ts';
import { containerLabels, containerName } from './container-labels.ts';

export interface ContainerConfigOptions {
  readonly worker: string;
  readonly instance: InstanceSpec;
  /** The image as it is asked of the engine. */
  readonly image: string;
  /** Processes and threads at most. */
  readonly pidsLimit: number;
  /** The binds of the spec with their sources resolved. */
  readonly binds: readonly BindMount[];
  /** Volumes in place of the image's anonymous ones. */
  readonly anonymousVolumes: readonly VolumeMount[];
}

export interface BindMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface VolumeMount {
  readonly name: string;
  readonly target: string;
}

/** What is asked of the engine for an instance: everything in one place, nothing by default. */
export function containerConfig(options: ContainerConfigOptions): Docker.ContainerCreateOptions {
  const { instance, worker, image } = options;
  const { spec } = instance;
  return {
    name: containerName(worker, instance),
    Image: image,
    ...commandConfig(options),
    Env: environment(instance),
    Labels: containerLabels(worker, instance),
    ExposedPorts: Object.fromEntries(
      spec.ports.map((port) => [`${port.container}/${port.protocol}`, {}]),
    ),
    StopSignal: spec.stopSignal,
    StopTimeout: Math.ceil(durationMs(spec.stopTimeout) / 1000),
    Tty: false,
    OpenStdin: false,
    HostConfig: hostConfig(options),
  };
}

/** The user's, and what a task may want to know of itself, as in the process runtime. */
function environment({ taskId, attempt, spec }: InstanceSpec): string[] {
  const all: Readonly<Record<string, TaskSpec['env'][string]>> = {
    ...spec.env,
    CUBE_TASK_ID: taskId,
    CUBE_TASK_NAME: spec.name,
    CUBE_ATTEMPT: String(attempt),
  };
  return Object.entries(all).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : value.secret}`,
  );
}

/** A command replaces the image's entry point; arguments alone replace its arguments. */
function commandConfig({ instance }: ContainerConfigOptions): Docker.ContainerCreateOptions {
  const { command, args } = instance.spec;
  if (command !== undefined) return { Entrypoint: [command], Cmd: [...args] };
  return args.length === 0 ? {} : { Cmd: [...args] };
}

function hostConfig(options: ContainerConfigOptions): Docker.HostConfig {
  const { spec } = options.instance;
  return {
    // Without this a program that handles no signals, being process 1, cannot be asked to end.
    Init: true,
    PidsLimit: options.pidsLimit,
    SecurityOpt: ['no-new-privileges'],
    CapDrop: ['NET_RAW'],
    Privileged: false,
    AutoRemove: false,
    // The manager restarts tasks; a second restarter would act behind its back.
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    PortBindings: portBindings(options),
    Mounts: mounts(options),
    // The limit of memory and swap together: the same number, so no swap on top.
    ...(spec.memory === undefined ? {} : { Memory: spec.memory, MemorySwap: spec.memory }),
    ...(spec.cpu === undefined ? {} : { NanoCpus: Math.round(spec.cpu * 1e9) }),
  };
}

function portBindings({ instance }: ContainerConfigOptions): Docker.PortMap {
  const bindings: Record<string, Docker.PortBinding[]> = {};
  for (const { container, protocol, host, address } of instance.spec.ports) {
    const key = `${container}/${protocol}`;
    bindings[key] ??= [];
    bindings[key].push({ HostIp: address, HostPort: host === undefined ? '' : String(host) });
  }
  return bindings;
}

function mounts(options: ContainerConfigOptions): Docker.MountConfig {
  const volumes = options.instance.spec.volumes.map(({ name, target, readOnly }) => ({
    Type: 'volume' as const,
    Source: name,
    Target: target,
    ReadOnly: readOnly,
  }));
  const anonymous = options.anonymousVolumes.map(({ name, target }) => ({
    Type: 'volume' as const,
    Source: name,
    Target: target,
    ReadOnly: false,
  }));
  const binds = options.binds.map(({ source, target, readOnly }) => ({
    Type: 'bind' as const,
    Source: source,
    Target: target,
    ReadOnly: readOnly,
  }));
  return [...volumes, ...anonymous, ...binds];
}
