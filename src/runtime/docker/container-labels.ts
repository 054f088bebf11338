import { createHash } from 'node:crypto';
import { type StopSignal, signalSchema } from '../../task/signal.ts';
import type { InstanceKey, InstanceSpec } from '../runtime.ts';

/** The labels by which a container or volume is known as ours, and as whose. */
export const LABELS = {
  cluster: 'cube.cluster',
  worker: 'cube.worker',
  task: 'cube.task',
  attempt: 'cube.attempt',
  name: 'cube.name',
  /** On volumes: `named` by a spec, or `anonymous`, which the image asked for. */
  volume: 'cube.volume',
} as const;

export type Labels = Readonly<Record<string, string>>;

/** Whose labels: the worker's identity and the instance. */
export interface ContainerOwner extends InstanceKey {
  readonly worker: string;
  readonly cluster: string;
}

/** The labels of an instance's container, the user's own beneath ours. */
export function containerLabels(worker: string, instance: InstanceSpec): Labels {
  return {
    ...instance.spec.labels,
    [LABELS.cluster]: instance.cluster,
    [LABELS.worker]: worker,
    [LABELS.task]: instance.taskId,
    [LABELS.attempt]: String(instance.attempt),
    [LABELS.name]: instance.spec.name,
  };
}

/** Whose a container is; undefined where the labels are not, or not all, ours. */
export function ownerOf(labels: Labels): ContainerOwner | undefined {
  const worker = labels[LABELS.worker];
  const taskId = labels[LABELS.task];
  const attemptText = labels[LABELS.attempt];
  if (worker === undefined || taskId === undefined || attemptText === undefined) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(attemptText)) return undefined;
  const cluster = labels[LABELS.cluster] ?? '';
  return { worker, cluster, taskId, attempt: Number(attemptText) };
}

/** Label filters that match the containers of a worker, or of one instance of it. */
export function labelFilters(worker: string, key?: InstanceKey): string[] {
  const own = [`${LABELS.worker}=${worker}`];
  if (key === undefined) return own;
  return [...own, `${LABELS.task}=${key.taskId}`, `${LABELS.attempt}=${key.attempt}`];
}

/**
 * The one name that a container of this worker, task and attempt can have. Docker gives a name
 * only once, so that not even two starts at the same moment make two containers.
 */
export function containerName(worker: string, instance: InstanceSpec): string {
  const { taskId, attempt, spec } = instance;
  const owner = digest([worker, taskId, String(attempt)], 10);
  return `cube-${spec.name}-${taskId.slice(0, 8)}-${attempt}-${owner}`;
}

/** That a container is killed since it did not heed its signal in time. */
export interface KillMark {
  readonly stopSignal: StopSignal;
  readonly timeoutMs: number;
}

const KILL_MARK = /-killed-(SIG[A-Z0-9]{1,8})-after-(\d{1,9})ms$/;

/**
 * The name of a container that is being killed. Labels cannot be changed once a container is
 * made; its name can, so the name keeps what nobody could tell from the exit code afterwards.
 */
export function withKillMark(name: string, { stopSignal, timeoutMs }: KillMark): string {
  return `${name.replace(KILL_MARK, '')}-killed-${stopSignal}-after-${Math.round(timeoutMs)}ms`;
}

/** The mark in a container's name. */
export function parseKillMark(name: string): KillMark | undefined {
  const match = KILL_MARK.exec(name);
  const stopSignal = signalSchema.safeParse(match?.[1]);
  if (match === null || !stopSignal.success) return undefined;
  return { stopSignal: stopSignal.data, timeoutMs: Number(match[2]) };
}

/**
 * The name of the volume that stands for an anonymous one of the image: the same for every
 * attempt of the task on this worker, so that what a task wrote is there after its restart.
 */
export function anonymousVolumeName(owner: Omit<ContainerOwner, 'attempt'>, path: string): string {
  const { worker, cluster, taskId } = owner;
  return `cube-${taskId}-${digest([worker, cluster, path], 16)}`;
}

function digest(parts: readonly string[], length: number): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, length);
}
