import type { ErrorCode } from '../../errors/error-codes.ts';
import type { Random } from '../../lib/random.ts';
import type { RuntimeName } from '../../task/task-spec.ts';
import type { ExitCode } from '../../task/task-status.ts';
import type { InstanceSpec } from '../runtime.ts';

/** How one simulated instance behaves. Every field has a default, so `{}` runs for ever. */
export interface SimulatedBehaviour {
  /** How long a start takes, in virtual milliseconds. Default 0. */
  readonly startMs?: number;
  /** Told to the caller's `onProgress` while the start takes its time. */
  readonly progress?: string;
  /** The start fails with this, after `startMs`. */
  readonly startFailure?: { readonly code: ErrorCode; readonly message: string };
  /** The start succeeds, but its caller is told that the runtime went away. */
  readonly startReplyLost?: boolean;
  /** It ends by itself this long after it started. Default: never. */
  readonly exit?: { readonly afterMs: number; readonly code: ExitCode };
  /** It ends by itself, killed for want of memory. */
  readonly outOfMemoryAfterMs?: number;
  /** Default false: it ends by the stop signal. */
  readonly ignoresStop?: boolean;
  /** How long it takes to end after a stop signal. Default 0. */
  readonly stopMs?: number;
  /** The code with which it ends by a stop signal. Default 128 + the signal's number. */
  readonly stopCode?: number;
  /** What it writes, by the time since its start. Default nothing. */
  readonly output?: readonly SimulatedOutput[];
  /** It also writes this line again and again, numbered from 0. */
  readonly chatter?: { readonly everyMs: number; readonly text: string };
  /** What a command run beside it does. Default: ends at once with 0 and says nothing. */
  readonly execute?: (command: readonly string[]) => SimulatedExecution;
  /** What is measured of it. Default: the cores and memory that its spec reserves. */
  readonly usage?: { readonly cpu: number; readonly memory: number };
}

interface SimulatedOutput {
  readonly afterMs: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export interface SimulatedExecution {
  readonly exitCode: number;
  readonly output: string;
  /** How long it takes, in virtual milliseconds. Default 0. */
  readonly takesMs?: number;
}

/** What a behaviour is decided from. */
export interface SimulatedSubject extends InstanceSpec {
  readonly worker: string;
  readonly runtime: RuntimeName;
}

/** Decides how an instance behaves, once, when it is made. */
export type SimulatedPolicy = (subject: SimulatedSubject, random: Random) => SimulatedBehaviour;

/**
 * Does as the spec's command would: `sleep` with a number of seconds ends with 0 after that time,
 * `true` and `false` end at once, everything else runs for ever.
 */
export function behaviourOfSpec(subject: SimulatedSubject): SimulatedBehaviour {
  const { command, args } = subject.spec;
  if (command === 'true') return { exit: { afterMs: 0, code: 0 } };
  if (command === 'false') return { exit: { afterMs: 0, code: 1 } };
  const seconds = command === 'sleep' ? Number(args[0] ?? Number.NaN) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0
    ? { exit: { afterMs: seconds * 1000, code: 0 } }
    : {};
}
