import { join } from 'node:path';
import { messageOf } from '../../errors/cube-error.ts';
import { Loop } from '../../lib/loop.ts';
import { type EventFeed, instanceName } from '../event-feed.ts';
import type { InstanceKey } from '../runtime.ts';
import { ExitWatch } from './exit-watch.ts';
import { InstanceDirectory, listInstances } from './instance-directory.ts';
import { OutputFile } from './output-file.ts';
import { type InstanceContext, killInstance, observeInstance } from './process-instance.ts';
import type { CompiledProcessOptions } from './process-options.ts';

/** With more instances the looks become rarer, so that they never cost more than a few percent. */
const POLL_MS_PER_INSTANCE = 5;

/**
 * Keeps an eye on everything that has not ended: wakes readers of events when a shim has written
 * an exit code, looks now and then at what no shim tells of any more, and bounds the output.
 */
export class InstanceWatch {
  readonly #options: CompiledProcessOptions;
  readonly #context: InstanceContext;
  readonly #feed: EventFeed;
  readonly #exits: ExitWatch;
  readonly #loop: Loop;
  readonly #watched = new Map<string, InstanceKey>();
  /** Programs that had ended at the last look, but whose shims had not yet said so. */
  readonly #overdue = new Set<string>();
  readonly #outputs = new Map<string, OutputFile>();

  constructor(options: CompiledProcessOptions, context: InstanceContext, feed: EventFeed) {
    this.#options = options;
    this.#context = context;
    this.#feed = feed;
    const { clock, logger } = options;
    this.#exits = new ExitWatch(join(options.workerDirectory, 'exits'), {
      logger,
      onExit: (key) => feed.publish({ type: 'changed', key }),
    });
    this.#loop = new Loop({ name: 'process-watch', clock, logger, pass: () => this.#pass() });
  }

  /** Begins with everything that is there and has not ended. */
  async open(): Promise<void> {
    for (const key of await listInstances(this.#options.workerDirectory)) {
      if ((await this.#directory(key).findEnd()) === undefined) this.add(key);
    }
    this.#loop.nudge();
  }

  get keys(): readonly InstanceKey[] {
    return [...this.#watched.values()];
  }

  add(key: InstanceKey): void {
    this.#watched.set(instanceName(key), key);
    this.#feed.publish({ type: 'changed', key });
  }

  /** To be told that an instance has ended: bounds its output for the last time. */
  async end(key: InstanceKey): Promise<void> {
    try {
      await this.#boundOutput(this.#directory(key));
    } catch (error) {
      const { taskId, attempt } = key;
      const reason = messageOf(error);
      this.#options.logger.warn({ err: error, taskId, attempt }, `Output stays long: ${reason}`);
    }
    this.delete(key);
  }

  delete(key: InstanceKey): void {
    const name = instanceName(key);
    this.#overdue.delete(name);
    if (this.#watched.delete(name)) this.#feed.publish({ type: 'changed', key });
  }

  /** Resolves after `delayMs`, or sooner when the exit code of the instance has been written. */
  waitForExit(key: InstanceKey, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        timer.cancel();
        unsubscribe();
        resolve();
      };
      const timer = this.#options.clock.setTimer(delayMs, finish);
      const unsubscribe = this.#exits.subscribe(instanceName(key), finish);
    });
  }

  /** The one object for a file of output, shared by those who read it and those who cut it. */
  output(path: string): OutputFile {
    let output = this.#outputs.get(path);
    if (output === undefined) {
      output = new OutputFile(path, this.#options.outputLimits);
      this.#outputs.set(path, output);
    }
    return output;
  }

  async close(): Promise<void> {
    this.#exits.close();
    await this.#loop.stop();
  }

  async #pass(): Promise<void> {
    for (const key of this.keys) {
      try {
        await this.#look(key);
      } catch (error) {
        const { taskId, attempt } = key;
        const reason = messageOf(error);
        this.#options.logger.warn({ err: error, taskId, attempt }, `A look failed: ${reason}`);
      }
    }
    for (const [path, output] of this.#outputs) {
      if (!output.isRead && !this.#isWatchedPath(path)) this.#outputs.delete(path);
    }
    const { pollMs } = this.#options;
    this.#loop.nudgeAfter(Math.max(pollMs, this.#watched.size * POLL_MS_PER_INSTANCE));
  }

  async #look(key: InstanceKey): Promise<void> {
    const directory = this.#directory(key);
    const name = instanceName(key);
    const observed = await observeInstance(directory, this.#context);
    if (observed === undefined || observed.phase === 'ended') {
      await this.end(key);
      return;
    }
    const isOver = observed.phase === 'running' && observed.living === undefined;
    if (isOver && this.#overdue.has(name)) {
      await killInstance(directory, observed.record, this.#context);
      this.#feed.publish({ type: 'changed', key });
    } else if (isOver) this.#overdue.add(name);
    else this.#overdue.delete(name);
    await this.#boundOutput(directory);
  }

  async #boundOutput(directory: InstanceDirectory): Promise<void> {
    for (const stream of ['stdout.log', 'stderr.log']) {
      await this.output(directory.file(stream)).rotate();
    }
  }

  #isWatchedPath(path: string): boolean {
    return this.keys.some((key) => path.startsWith(`${this.#directory(key).path}/`));
  }

  #directory(key: InstanceKey): InstanceDirectory {
    return new InstanceDirectory(this.#options.workerDirectory, key, this.#options.random);
  }
}
