import { CubeError } from '../../src/errors/cube-error.ts';
import type { Submission, Submitted } from '../../src/http/manager-service.ts';
import type { WorkerService } from '../../src/http/worker-service.ts';
import type {
  Assignments,
  AttemptKey,
  AttemptUsage,
  LogLine,
  LogOptions,
  StreamItem,
  WorkerList,
} from '../../src/link/protocol.ts';
import type { SessionOptions, SessionOutput, SessionRequest } from '../../src/link/session.ts';
import type { NodeFacts, NodeStats } from '../../src/node/node.ts';
import type { Task } from '../../src/task/task.ts';
import { aborted, echo, TIME } from './fake-manager-service.ts';

/** A worker that records what it is asked and runs nothing. */
export class FakeWorkerService implements WorkerService {
  readonly assigned: Assignments[] = [];
  readonly tasks = new Map<string, Task>();
  items: readonly StreamItem[] = [];
  lines: readonly LogLine[] = [];
  readonly askedLogs: { key: AttemptKey; options: LogOptions }[] = [];
  epoch = 1;

  async assign(assignments: Assignments): Promise<void> {
    if (assignments.epoch < this.epoch) {
      throw new CubeError('stale-epoch', `Epoch ${assignments.epoch} is over.`);
    }
    this.assigned.push(assignments);
  }

  list(): WorkerList {
    return { protocol: 1, facts: this.facts(), sequence: 0, observations: [], orphans: [] };
  }

  async *reports(sequence: number, signal: AbortSignal): AsyncIterable<StreamItem> {
    for (const item of this.items) {
      if (item.type === 'heartbeat' || item.sequence > sequence) yield item;
    }
    await aborted(signal);
  }

  async *logs(key: AttemptKey, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    this.askedLogs.push({ key, options });
    yield* this.lines;
    if (options.follow) await aborted(signal);
  }

  readonly sessions: { key: AttemptKey; request: SessionRequest }[] = [];

  /** Gives its input back, and ends with 0 when there is no more. */
  async *openSession(
    key: AttemptKey,
    { request, input }: SessionOptions,
  ): AsyncIterable<SessionOutput> {
    this.sessions.push({ key, request });
    yield* echo(input);
  }

  usages: readonly AttemptUsage[] = [];

  async usage(): Promise<readonly AttemptUsage[]> {
    return this.usages;
  }

  facts(): NodeFacts {
    return {
      id: '3f0c8a54-9f0e-4f55-8a63-3a0f6a3b8a12',
      name: 'worker-1',
      address: 'http://127.0.0.1:5556',
      capacity: { cpu: 2, memory: 1024 ** 3, disk: 1024 ** 3 },
      labels: {},
      runtimes: [{ name: 'process', available: true }],
      bindRoots: [],
      version: '0.0.0',
    };
  }

  stats(): NodeStats {
    return { used: { cpu: 0.5, memory: 1024, disk: 2048 }, load: 0.1, taskCount: 0, time: TIME };
  }

  listTasks(): readonly Task[] {
    return [...this.tasks.values()];
  }

  getTask(id: string): Task {
    const task = this.tasks.get(id);
    if (task === undefined) throw new CubeError('not-found', `There is no task ${id}.`);
    return task;
  }

  async submit({
    id = '00000000-0000-4000-8000-000000000001',
    spec,
  }: Submission): Promise<Submitted> {
    const known = this.tasks.get(id);
    if (known !== undefined) return { task: known, created: false };
    const task: Task = {
      id,
      spec,
      status: { state: 'scheduled', desired: 'running', attempt: 1, restartCount: 0 },
      createdAt: TIME,
      createdRevision: 1,
      revision: 1,
    };
    this.tasks.set(id, task);
    return { task, created: true };
  }

  async stopTask(id: string): Promise<Task> {
    const task = this.getTask(id);
    return { ...task, status: { ...task.status, desired: 'stopped' } };
  }
}
