import pLimit from 'p-limit';
import type { Logger } from '../../lib/logger.ts';
import { instanceName } from '../event-feed.ts';
import type { InstanceKey } from '../runtime.ts';
import { readBootTime } from './boot-time.ts';
import { type ContainerFacts, parseContainer } from './container-facts.ts';
import { labelFilters } from './container-labels.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal, refusalError } from './engine-error.ts';

/** So many containers are looked at, at the same time. */
const CONCURRENT_MAX = 8;

/** So many ids are kept; those of containers that others have removed would pile up else. */
const KNOWN_COUNT_MAX = 10_000;

/**
 * Finds the containers of one worker, always by their labels: a container may be renamed, and a
 * foreign one may bear a name of ours. Ids once found save the search.
 */
export class ContainerFinder {
  readonly #engine: DockerEngine;
  readonly #worker: string;
  readonly #logger: Logger;
  readonly #ids = new Map<string, string>();
  #bootedAt: Promise<string | undefined> | undefined;

  constructor(options: {
    readonly engine: DockerEngine;
    readonly worker: string;
    readonly logger: Logger;
  }) {
    this.#engine = options.engine;
    this.#worker = options.worker;
    this.#logger = options.logger;
  }

  /** The container of an instance, whatever its state; undefined where there is none. */
  async find(key: InstanceKey, signal: AbortSignal): Promise<ContainerFacts | undefined> {
    const name = instanceName(key);
    const known = this.#ids.get(name);
    if (known !== undefined) {
      const facts = await this.describe(known, signal);
      if (facts !== undefined) return facts;
      this.#ids.delete(name);
    }
    const ids = await this.#search(labelFilters(this.#worker, key), signal);
    if (ids.length > 1) {
      this.#logger.warn({ ...key, ids }, 'Several containers bear the labels of one instance.');
    }
    for (const id of ids) {
      const facts = await this.describe(id, signal);
      if (facts === undefined) continue;
      this.remember(key, facts.id);
      return facts;
    }
    return undefined;
  }

  /** Every container of the worker. */
  async list(signal: AbortSignal): Promise<readonly ContainerFacts[]> {
    const ids = await this.#search(labelFilters(this.#worker), signal);
    return this.#describeAll(ids, signal);
  }

  /** The running containers of the worker. */
  async listRunning(signal: AbortSignal): Promise<readonly ContainerFacts[]> {
    const ids = await this.#search(labelFilters(this.#worker), signal, ['running', 'paused']);
    return this.#describeAll(ids, signal);
  }

  /** A container by id or name; undefined where there is none, or it is not this worker's. */
  async describe(id: string, signal: AbortSignal): Promise<ContainerFacts | undefined> {
    const what = 'tell the state of a container';
    const reply = await this.#engine.attempt<unknown>({
      what,
      signal,
      run: (docker, abortSignal) => docker.getContainer(id).inspect({ abortSignal }),
    });
    if (reply instanceof Refusal) {
      if (reply.status === 404) return undefined;
      throw refusalError(what, reply);
    }
    this.#bootedAt ??= readBootTime(this.#engine.host);
    const facts = parseContainer(reply, { bootedAt: await this.#bootedAt });
    return facts?.owner.worker === this.#worker ? facts : undefined;
  }

  /** The name of a running container, anyone's, that publishes this host port. */
  async findPublisher(port: number, signal: AbortSignal): Promise<string | undefined> {
    const found = await this.#engine.attempt({
      what: 'find who publishes a port',
      signal,
      run: (docker, abortSignal) =>
        docker.listContainers({ filters: { publish: [String(port)] }, abortSignal }),
    });
    if (found instanceof Refusal) return undefined;
    const holder = found.find(({ Ports }) => Ports?.some(({ PublicPort }) => PublicPort === port));
    return holder?.Names[0]?.replace(/^\//, '');
  }

  /** Tells of a container that was just made. */
  remember(key: InstanceKey, id: string): void {
    if (this.#ids.size >= KNOWN_COUNT_MAX) this.#ids.clear();
    this.#ids.set(instanceName(key), id);
  }

  /** Tells that an instance is no more. */
  forget(key: InstanceKey): void {
    this.#ids.delete(instanceName(key));
  }

  async #describeAll(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly ContainerFacts[]> {
    const limit = pLimit(CONCURRENT_MAX);
    // Removed in between: it is left out, as it would be a moment later.
    const all = await Promise.all(ids.map((id) => limit(() => this.describe(id, signal))));
    const found = all.filter((facts) => facts !== undefined);
    for (const { owner, id } of found) this.remember(owner, id);
    return found;
  }

  async #search(
    label: string[],
    signal: AbortSignal,
    status?: string[],
  ): Promise<readonly string[]> {
    const filters = status === undefined ? { label } : { label, status };
    const found = await this.#engine.call({
      what: 'list containers',
      signal,
      run: (docker, abortSignal) => docker.listContainers({ all: true, filters, abortSignal }),
    });
    return found.map(({ Id }) => Id);
  }
}
