import type { Assignments, StreamItem } from '../../link/protocol.ts';
import type { Transaction } from '../../store/store.ts';
import type { StreamFate } from '../network/report-streams.ts';

/** What happens between the machines, for whoever looks on. */
export interface ClusterWatch {
  /** A worker has taken a message of a manager, or refused it. */
  onOrders?(worker: string, orders: Assignments, error?: unknown): void;
  /** A manager is handed an item of a worker's stream. */
  onReport?(worker: string, item: StreamItem): void;
  /** A stream of reports stalls, breaks off, or ends. */
  onStreamFate?(fate: StreamFate): void;
  /** A write of a manager was under way when it died. */
  onTornWrite?(isMade: boolean): void;
  /** A transaction of a worker is on its disk. */
  onWorkerWritten?(worker: string, transaction: Transaction): void;
  /** A worker is about to be killed. */
  onWorkerKilled?(worker: string): void;
}
