import type { Task } from '../task/task.ts';
import type { TaskState } from '../task/task-state.ts';

/** What an operator does to a manager's data while it serves; `Upkeep` fits it. */
export interface UpkeepService {
  /**
   * A verified copy of the data; as long as it is not disposed of there is no other.
   *
   * @throws CubeError `too-many-requests`, `unprocessable`, `storage-full`, `storage-damaged`.
   */
  backUp(): Promise<
    AsyncDisposable & { readonly sizeBytes: number; read(): AsyncIterable<Uint8Array> }
  >;

  /** Reads all of the data. @throws CubeError `storage-damaged`, `too-many-requests`. */
  verify(): Promise<{
    readonly cluster: string | undefined;
    readonly epoch: number;
    readonly revision: number;
    readonly floor: number;
    readonly counts: Readonly<Record<string, number>>;
  }>;

  /** Removes tasks that have ended for good. */
  prune(
    request: {
      readonly states?: readonly TaskState[];
      readonly name?: string;
      readonly node?: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly olderThanMs?: number;
      readonly dryRun?: boolean;
    },
    origin: { readonly requestId: string },
  ): Promise<{ readonly count: number; readonly bytes: number; readonly tasks: readonly Task[] }>;
}
