import type {
  Assignments,
  AttemptKey,
  AttemptUsage,
  LogLine,
  LogOptions,
  StreamItem,
  WorkerList,
} from '../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../link/session.ts';
import type { NodeFacts, NodeStats } from '../node/node.ts';
import type { Task } from '../task/task.ts';
import type { Submission, Submitted } from './manager-service.ts';

/** What the worker's HTTP routes need of a worker; `Worker` fits it. */
export interface WorkerService {
  /**
   * Takes a manager's orders; resolves when they are durable here. They are carried out after.
   *
   * @throws CubeError `stale-epoch`, `stale-orders` or `wrong-cluster`; then nothing is taken.
   *   `storage-full`, when the disk is short of room; then all is taken but what is to run.
   */
  assign(assignments: Assignments): Promise<void>;

  /** All that this worker knows of the attempts that a manager has placed here. */
  list(): WorkerList;

  /**
   * Reports after `sequence`, those that wait first, with heartbeats in between. Ends when the
   * signal is aborted or the worker stops.
   */
  reports(sequence: number, signal: AbortSignal): AsyncIterable<StreamItem>;

  /** The output of one attempt, also after its end. @throws CubeError `not-found`. */
  logs(key: AttemptKey, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;

  /**
   * Runs a command in an attempt that runs here.
   *
   * @throws CubeError `not-found`, at once; what a runtime says, when it is read.
   */
  openSession(key: AttemptKey, options: SessionOptions): AsyncIterable<SessionOutput>;

  /** Measured use of each attempt that runs here. */
  usage(): Promise<readonly AttemptUsage[]>;

  facts(): NodeFacts;

  stats(): NodeStats;

  /**
   * Tasks given to this worker directly, without a manager, as in the reference, and those that a
   * manager has placed here. Only the former may be stopped here.
   */
  listTasks(): readonly Task[];

  /** @throws CubeError `not-found`. */
  getTask(id: string): Task;

  /** Runs a task here without a manager. Resolves when it is durable. */
  submit(submission: Submission): Promise<Submitted>;

  /** @throws CubeError `not-found`, or `forbidden` for a task that belongs to a manager. */
  stopTask(id: string): Promise<Task>;
}
