import type Docker from 'dockerode';
import pLimit from 'p-limit';

/** Starts at a time: with more the engine takes longer in all. */
export const AT_A_TIME = 8;

const COMMAND = ['sleep', '3600'];

/** The Docker Engine driven directly: nothing that runs containers on it can be faster. */
export class EnginePeer {
  readonly #docker: Docker;
  readonly #image: string;
  #running: readonly Docker.Container[] = [];
  /** The removal of what was replaced, which may take its time. */
  #removing: Promise<unknown> = Promise.resolve();

  constructor(docker: Docker, image: string) {
    this.#docker = docker;
    this.#image = image;
  }

  async start(count: number): Promise<void> {
    const limit = pLimit(AT_A_TIME);
    this.#running = await Promise.all(
      Array.from({ length: count }, () => limit(() => this.#startOne())),
    );
  }

  /** Kills each, and starts another as soon as the engine says that it has ended. */
  async replace(): Promise<void> {
    const limit = pLimit(AT_A_TIME);
    const old = this.#running;
    this.#running = await Promise.all(
      old.map((container) =>
        limit(async () => {
          const ended = container.wait();
          await container.kill();
          await ended;
          return await this.#startOne();
        }),
      ),
    );
    this.#removing = this.#removeAll(old);
    this.#removing.catch(() => undefined);
  }

  async stop(): Promise<void> {
    const limit = pLimit(AT_A_TIME);
    await Promise.all(this.#running.map((container) => limit(() => container.stop())));
  }

  /** Waits for the removal of what was replaced. */
  async settle(): Promise<void> {
    await this.#removing;
  }

  async remove(): Promise<void> {
    await this.#removing;
    await this.#removeAll(this.#running);
    this.#running = [];
  }

  async #removeAll(containers: readonly Docker.Container[]): Promise<void> {
    const limit = pLimit(AT_A_TIME);
    await Promise.all(
      containers.map((container) => limit(() => container.remove({ force: true }))),
    );
  }

  async #startOne(): Promise<Docker.Container> {
    const container = await this.#docker.createContainer({
      Image: this.#image,
      Cmd: COMMAND,
      HostConfig: { Init: true },
    });
    await container.start();
    return container;
  }
}
