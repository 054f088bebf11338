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

/**
 * The port through which the manager speaks to workers, each named by its address. Every call may
 * fail with a CubeError (`unreachable`, `bad-reply`, `stale-epoch`, `wrong-cluster`, …), and then
 * may or may not have taken effect. Calls bound their own time.
 */
export interface WorkerLink {
  /** Hands over orders; when it resolves the worker has them on its disk. */
  assign(address: string, assignments: Assignments, signal: AbortSignal): Promise<void>;

  list(address: string, signal: AbortSignal): Promise<WorkerList>;

  /** Reports after a sequence, and heartbeats. Ends when the connection does. */
  reports(address: string, after: number, signal: AbortSignal): AsyncIterable<StreamItem>;

  /** Measured use of each attempt that runs there. */
  usage(address: string, signal: AbortSignal): Promise<readonly AttemptUsage[]>;

  /** Runs a command in an attempt there, and kills it when the connection is lost. */
  openSession(
    address: string,
    key: AttemptKey,
    options: SessionOptions,
  ): AsyncIterable<SessionOutput>;

  logs(
    address: string,
    key: AttemptKey,
    options: LogOptions & { readonly signal: AbortSignal },
  ): AsyncIterable<LogLine>;
}
