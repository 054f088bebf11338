import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type Docker from 'dockerode';
import pLimit from 'p-limit';
import { Unavailable } from '../suite/part.ts';
import { AT_A_TIME } from './engine-peer.ts';

/** How often Swarm is asked how far it is, in milliseconds. */
const POLL_MS = 20;

const BRIDGE = 'docker_gwbridge';

interface SwarmTask {
  readonly ID: string;
  readonly Status: {
    readonly State: string;
    readonly ContainerStatus?: { readonly ContainerID?: string };
  };
}

/** Swarm mode of the same engine, with one service of so many replicas. */
export class SwarmPeer implements AsyncDisposable {
  readonly #docker: Docker;
  readonly #image: string;
  readonly #hadBridge: boolean;
  #service: Docker.Service | undefined;
  #count = 0;

  private constructor(docker: Docker, image: string, hadBridge: boolean) {
    this.#docker = docker;
    this.#image = image;
    this.#hadBridge = hadBridge;
  }

  /** Makes the engine a swarm of its own. @throws Unavailable, where it cannot be or is one. */
  static async open(docker: Docker, image: string): Promise<SwarmPeer> {
    const networks = await docker.listNetworks();
    try {
      await docker.swarmInit({ ListenAddr: '127.0.0.1:2377', AdvertiseAddr: '127.0.0.1' });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Unavailable(`Docker Swarm cannot run here: ${message}`);
    }
    return new SwarmPeer(
      docker,
      image,
      networks.some(({ Name }) => Name === BRIDGE),
    );
  }

  /** Resolves when all replicas run, as Swarm says. */
  async start(count: number): Promise<void> {
    this.#count = count;
    this.#service = await this.#docker.createService({
      Name: `bench-${randomUUID()}`,
      Mode: { Replicated: { Replicas: count } },
      TaskTemplate: {
        ContainerSpec: { Image: this.#image, Args: ['sleep', '3600'], Init: true },
        RestartPolicy: { Condition: 'any', Delay: 0 },
      },
    });
    await this.#untilRunning(new Set());
  }

  /** Kills all containers; resolves when as many others run. */
  async replace(): Promise<void> {
    const old = await this.#tasks();
    const limit = pLimit(AT_A_TIME);
    const kills = old.flatMap(({ Status }) => {
      const id = Status.ContainerStatus?.ContainerID;
      return id === undefined ? [] : [limit(() => this.#docker.getContainer(id).kill())];
    });
    await Promise.all([...kills, this.#untilRunning(new Set(old.map(({ ID }) => ID)))]);
  }

  /** Removes the service; resolves when none of its containers runs any more. */
  async stop(): Promise<void> {
    const service = this.#service;
    if (service === undefined) return;
    this.#service = undefined;
    const label = [`com.docker.swarm.service.id=${service.id}`];
    await service.remove();
    while ((await this.#docker.listContainers({ filters: { label } })).length > 0) {
      await pause(POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#docker.swarmLeave({ force: true });
    if (!this.#hadBridge) await this.#docker.getNetwork(BRIDGE).remove();
  }

  async #untilRunning(except: ReadonlySet<string>): Promise<void> {
    for (;;) {
      const tasks = await this.#tasks();
      const running = tasks.filter(({ ID, Status }) => {
        return Status.State === 'running' && !except.has(ID);
      });
      if (running.length === this.#count) return;
      await pause(POLL_MS);
    }
  }

  async #tasks(): Promise<readonly SwarmTask[]> {
    const service = this.#service;
    if (service === undefined) return [];
    const filters = JSON.stringify({ service: [service.id], 'desired-state': ['running'] });
    const tasks: readonly SwarmTask[] = await this.#docker.listTasks({ filters });
    return tasks;
  }
}
