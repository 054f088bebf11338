import type { InstanceKey, InstanceSpec } from '../runtime.ts';
import type { VolumeMount } from './container-config.ts';
import { anonymousVolumeName, LABELS, type Labels } from './container-labels.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal, refusalError } from './engine-error.ts';

/**
 * The volumes of tasks. Those that a spec names are the user's and stay. Where an image asks for
 * an anonymous one, Docker would make a new one for each container, so that every restart would
 * lose what the task wrote; Cube makes one for each (task, path) instead, and mounts it again.
 */
export class TaskVolumes {
  readonly #engine: DockerEngine;
  readonly #worker: string;

  constructor(options: { readonly engine: DockerEngine; readonly worker: string }) {
    this.#engine = options.engine;
    this.#worker = options.worker;
  }

  /** Makes the volumes that the spec names where they do not exist. */
  async createNamed(instance: InstanceSpec, signal: AbortSignal): Promise<void> {
    const labels = {
      [LABELS.cluster]: instance.cluster,
      [LABELS.worker]: this.#worker,
      [LABELS.volume]: 'named',
    };
    for (const { name } of instance.spec.volumes) await this.#create({ name, labels, signal });
  }

  /** Makes those that the image asks for at `paths`, except where the spec mounts something. */
  async createAnonymous(
    instance: InstanceSpec,
    { paths, signal }: { readonly paths: readonly string[]; readonly signal: AbortSignal },
  ): Promise<readonly VolumeMount[]> {
    const { cluster, taskId, spec } = instance;
    const mounted = [...spec.volumes, ...spec.binds].map(({ target }) => plain(target));
    const mounts: VolumeMount[] = [];
    for (const path of paths) {
      if (mounted.includes(plain(path))) continue;
      const name = anonymousVolumeName({ worker: this.#worker, cluster, taskId }, plain(path));
      const labels = {
        [LABELS.cluster]: cluster,
        [LABELS.worker]: this.#worker,
        [LABELS.task]: taskId,
        [LABELS.volume]: 'anonymous',
      };
      await this.#create({ name, labels, signal });
      mounts.push({ name, target: path });
    }
    return mounts;
  }

  /** Removes the anonymous volumes of a task, except those that another attempt uses. */
  async remove(key: InstanceKey, signal: AbortSignal): Promise<void> {
    const label = [
      `${LABELS.worker}=${this.#worker}`,
      `${LABELS.task}=${key.taskId}`,
      `${LABELS.volume}=anonymous`,
    ];
    const { Volumes } = await this.#engine.call({
      what: 'list volumes',
      signal,
      run: (docker, abortSignal) => docker.listVolumes({ filters: { label }, abortSignal }),
    });
    const what = 'remove a volume';
    for (const { Name } of Volumes ?? []) {
      const reply = await this.#engine.attempt<unknown>({
        what,
        signal,
        run: (docker, abortSignal) => docker.getVolume(Name).remove({ abortSignal }),
      });
      const isExpected =
        !(reply instanceof Refusal) || reply.status === 404 || reply.status === 409;
      if (!isExpected) throw refusalError(what, reply);
    }
  }

  /** Asked for one that exists, an engine gives that one and leaves its labels as they are. */
  async #create(volume: {
    readonly name: string;
    readonly labels: Labels;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { name, labels, signal } = volume;
    await this.#engine.call({
      what: `make the volume ${name}`,
      signal,
      run: (docker, abortSignal) =>
        docker.createVolume({ Name: name, Labels: { ...labels }, abortSignal }),
    });
  }
}

function plain(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
