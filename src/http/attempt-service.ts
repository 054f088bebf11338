import type { AttemptUsage } from '../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../link/session.ts';

/** What only the workers can tell of tasks, or do with them; `RunningAttempts` fits it. */
export interface AttemptService {
  /**
   * Runs a command in the current attempt.
   *
   * @throws CubeError `not-found`; `conflict`, when the task does not run.
   */
  openSession(id: string, options: SessionOptions): AsyncIterable<SessionOutput>;

  /** Measured use of what runs now, from every node that answers in time. */
  usage(): Promise<{
    readonly items: readonly (AttemptUsage & { readonly node: string })[];
    readonly silent: readonly string[];
  }>;
}
