import type { Clock } from '../../lib/clock.ts';
import type { SessionInput, SessionOptions } from '../../link/session.ts';
import type { SessionOutputs } from '../session-outputs.ts';

export interface ProcessSessionOptions extends SessionOptions {
  /** Of a shell that becomes the command. */
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/** A command that runs, whatever its input and output are connected to. */
export interface SessionProcess {
  readonly pid: number;
  readonly outputs: SessionOutputs;
  /** Resolves when the command has taken it, or has ended. */
  take(input: SessionInput): Promise<void>;
  /** Its exit code, once all of its output has been pushed. */
  readonly ended: Promise<number>;
}
