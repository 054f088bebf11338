import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CubeClient,
  createCubeClient,
  type SubmissionInput,
} from '../../src/client/cube-client.ts';
import type { EventReply } from '../../src/client/event-stream.ts';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { TaskReply } from '../../src/link/replies.ts';
import type { Liveness } from '../../src/node/node.ts';
import { CubeProcess, clientOf, freePorts } from './cube-process.ts';
import { eventually } from './eventually.ts';
import { type Evidence, judgeHistory } from './judge-history.ts';
import { killNoted, notedStarts } from './kill-run.ts';
import { removeGroupsOf } from './process-leftovers.ts';
import { type TemporaryDirectory, temporaryDirectory } from './temporary-directory.ts';

export interface FaultClusterOptions {
  /** Default 1; they are named n1, n2, … */
  readonly workerCount?: number;
  readonly managerFlags?: readonly string[];
  /** Words before the manager's command, of a program that becomes it. */
  readonly managerPrefix?: readonly string[];
  /** For manager and workers. Default: no Docker Engine answers. */
  readonly environment?: Record<string, string>;
  /** For workers alone, by their number from 1. */
  readonly workerEnvironment?: (number: number) => Record<string, string>;
  /** Where the data of `manager`, `n1`, … is kept. Default: below a directory that goes. */
  readonly dataOf?: (role: string) => string | undefined;
}

type Submission = SubmissionInput & { readonly id: string };

/**
 * A manager and workers as processes of their own, to be hurt. Tasks that `submit` makes note
 * their starts; at the end `judge` holds the whole history against the invariants.
 */
export class FaultCluster implements AsyncDisposable {
  readonly manager: CubeProcess;
  readonly workers: readonly CubeProcess[];
  readonly client: CubeClient;
  readonly port: number;
  readonly workerPorts: readonly number[];
  readonly seen: EventReply[] = [];
  readonly acknowledged: Submission[] = [];
  readonly #home: TemporaryDirectory;
  readonly #options: FaultClusterOptions;
  readonly #ending = new AbortController();

  private constructor(
    home: TemporaryDirectory,
    ports: readonly number[],
    options: FaultClusterOptions,
  ) {
    const [port = 0, ...workerPorts] = ports;
    this.#home = home;
    this.#options = options;
    this.port = port;
    this.workerPorts = workerPorts;
    this.client = createCubeClient({ url: `http://127.0.0.1:${port}` });
    const environment = {
      DOCKER_HOST: 'unix:///nonexistent/docker.sock',
      CUBE_LOG_LEVEL: 'warn',
      ...options.environment,
    };
    this.manager = new CubeProcess(
      [
        'manager',
        ...['--data-dir', this.dataOf('manager'), '--port', `${port}`],
        ...['--workers', workerPorts.map((one) => `127.0.0.1:${one}`).join(',')],
        ...(options.managerFlags ?? []),
      ],
      environment,
      options.managerPrefix,
    );
    this.workers = workerPorts.map(
      (workerPort, index) =>
        new CubeProcess(
          [
            ...['worker', '--name', `n${index + 1}`],
            ...['--data-dir', this.dataOf(`n${index + 1}`), '--port', `${workerPort}`],
            ...['--cpu', '1000', '--memory', '1000GiB'],
          ],
          { ...environment, ...options.workerEnvironment?.(index + 1) },
        ),
    );
  }

  /** Resolves when all nodes are up. */
  static async start(options: FaultClusterOptions = {}): Promise<FaultCluster> {
    const home = await temporaryDirectory();
    const ports = await freePorts(1 + (options.workerCount ?? 1));
    const cluster = new FaultCluster(home, ports, options);
    try {
      for (const one of cluster.workers) one.start();
      cluster.manager.start();
      await cluster.untilServing();
      const names = cluster.workers.map((_, index) => `n${index + 1}`);
      await Promise.all(names.map((name) => cluster.untilNode(name, 'up')));
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get notes(): string {
    return join(this.#home.path, 'starts');
  }

  dataOf(role: string): string {
    return this.#options.dataOf?.(role) ?? join(this.#home.path, role);
  }

  worker(number: number): CubeProcess {
    const worker = this.workers[number - 1];
    if (worker === undefined) throw new Error(`There is no worker ${number}.`);
    return worker;
  }

  async untilServing(): Promise<void> {
    try {
      await clientOf(this.port);
    } catch (cause) {
      throw new Error(`The manager does not serve. ${this.manager.output}`, { cause });
    }
  }

  /** A process task that notes each of its starts, and runs until it is stopped. */
  task(spec: Partial<SubmissionInput> = {}): Submission {
    const note = `echo "$CUBE_TASK_ID/$CUBE_ATTEMPT $$" >> ${this.notes}; exec sleep 3600`;
    const program = spec.image === undefined ? { command: 'sh', args: ['-c', note] } : {};
    const own = { id: systemRandom.uuid(), name: 'task', stopTimeout: '1s', ...program };
    return { ...own, ...spec, id: spec.id ?? own.id, name: spec.name ?? own.name };
  }

  /** Submits, once; remembers it when it was acknowledged. */
  async submit(spec: Partial<SubmissionInput> = {}): Promise<Submission> {
    const submission = this.task(spec);
    await this.client.submit(submission);
    if (!this.acknowledged.some(({ id }) => id === submission.id)) {
      this.acknowledged.push(submission);
    }
    return submission;
  }

  async submitRunning(spec: Partial<SubmissionInput> = {}): Promise<TaskReply> {
    const { id } = await this.submit(spec);
    return await this.untilTask(id, ({ status }) => status.state === 'running');
  }

  async untilTask(id: string, fits: (task: TaskReply) => boolean): Promise<TaskReply> {
    let last: TaskReply | undefined;
    try {
      return await eventually(
        `task ${id} is as wanted`,
        async () => {
          last = await this.#ask(() => this.client.get(id));
          return last !== undefined && fits(last) ? last : undefined;
        },
        30_000,
      );
    } catch (cause) {
      throw new Error(`It stays ${JSON.stringify(last?.status)}.`, { cause });
    }
  }

  async untilNode(name: string, liveness: Liveness): Promise<void> {
    await eventually(
      `node ${name} is ${liveness}`,
      async () => {
        const nodes = await this.#ask(() => this.client.nodes());
        return nodes?.some((node) => node.name === name && node.liveness === liveness);
      },
      30_000,
    );
  }

  /** Watches all events from now on, over every restart of the manager. */
  watch(): void {
    void this.#watch();
  }

  /** Resolves when the watcher has seen all that there is by now. */
  async untilWatched(): Promise<void> {
    const { revision } = await this.client.status();
    await eventually('the watcher has seen all', () => {
      return (this.seen.at(-1)?.revision ?? 0) >= revision;
    });
  }

  /** What an event stream has of each type, such as `node-went-down`. */
  async countEvents(type: EventReply['type']): Promise<number> {
    const events = this.client.events({ follow: false, types: [type] });
    return (await Array.fromAsync(events)).length;
  }

  /** Numbers of the processes of a task that were started, by attempt. */
  async pidsOf(id: string): Promise<ReadonlyMap<number, number>> {
    const starts = await notedStarts(this.notes).catch(() => []);
    return new Map(
      starts.flatMap(({ attempt: key, pid }) => {
        const [taskId, attempt] = key.split('/');
        return taskId === id ? [[Number(attempt), pid] as const] : [];
      }),
    );
  }

  /** The violations in what has happened so far. */
  async judge(more: Evidence = {}): Promise<readonly string[]> {
    const noted = await notedStarts(this.notes).catch(() => []);
    return await judgeHistory(this.client, {
      acknowledged: this.acknowledged,
      seen: this.seen,
      starts: [...noted.map(({ attempt }) => attempt), ...(more.starts ?? [])],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await Promise.all([this.manager, ...this.workers].map((one) => one.end('SIGKILL')));
    await killNoted(this.notes).catch(() => undefined);
    for (const index of this.workers.keys()) await this.#removeGroups(`n${index + 1}`);
    await this.#home[Symbol.asyncDispose]();
  }

  /** A killed worker cannot do it, and what it left running has just been killed. */
  async #removeGroups(worker: string): Promise<void> {
    const path = join(this.dataOf(worker), 'identity.json');
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) await removeGroupsOf(JSON.parse(text).id);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#ending;
    try {
      for await (const event of this.client.events({ signal })) this.seen.push(event);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Undefined while nobody answers. */
  async #ask<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (isCubeError(error) && error.retryable) return undefined;
      throw error;
    }
  }
}
