import type { LogLine, LogOptions } from '../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../link/session.ts';
import type { PublishedPort } from '../task/port.ts';
import type { Reason } from '../task/reason.ts';
import type { StopSignal } from '../task/signal.ts';
import type { RuntimeName, TaskSpec } from '../task/task-spec.ts';
import type { ExitCode } from '../task/task-status.ts';

/**
 * The port to whatever runs tasks on a machine: the Docker Engine, plain processes, a simulation.
 *
 * A runtime runs instances, one for each (task, attempt). Each instance is labelled with cluster,
 * worker identity, task and attempt, so that it can be found again by a worker that has forgotten
 * everything; what does not bear the label of this runtime's own worker is neither shown nor
 * touched. Every operation may be repeated: asking for what already is so succeeds and
 * changes nothing. Operations on one instance are never called at the same time by a worker,
 * except `inspect`, `logs`, `execute`, `openSession` and `list`.
 *
 * Every method that waits ends with the signal's reason soon after its signal is aborted, and
 * bounds the time of each call to the outside on its own. The iterations of `events`, `logs` and
 * `openSession` end in the same way: they throw the signal's reason. Once closed, every method but `probe` and
 * `close` throws `runtime-unavailable`.
 */
export interface Runtime {
  readonly name: RuntimeName;

  /** Whether it can run tasks now. Never throws: what is wrong comes as the reason. */
  probe(signal: AbortSignal): Promise<RuntimeState>;

  /**
   * Sees to it that the instance has been started. After it resolves the instance runs, or has
   * already ended. An instance of the same (task, attempt) that is there, whatever its state, is
   * used and never doubled, also when an earlier call was interrupted half-way: one that was made
   * but not started is started; one that ended is left as it is.
   *
   * Makes what the spec names and does not exist yet (image by its pull policy, volumes).
   * `onProgress` is told in words what is being done ("pulling nginx, 43 %").
   *
   * @throws CubeError `image-missing`, `port-taken`, `not-allowed`, `runtime-failed` (the spec
   *   cannot run here) or `runtime-unavailable` (try again). After a throw nothing of the
   *   instance is left, unless the runtime went away in between.
   */
  start(instance: InstanceSpec, options: StartOptions): Promise<InstanceStatus>;

  /**
   * Asks the instance to end by `signal`, and kills it with all its processes after
   * `timeoutMs`. Resolves when it has ended, with its end; at once if it had ended before.
   *
   * @returns undefined when there is no such instance.
   * @throws CubeError `runtime-unavailable` or `runtime-failed`.
   */
  stop(key: InstanceKey, options: StopOptions): Promise<InstanceStatus | undefined>;

  /**
   * Kills the instance if it runs and removes all that is left of it, its output too. Named
   * volumes always stay; anonymous ones go only where `removeVolumes` is set.
   */
  remove(key: InstanceKey, options: RemoveOptions): Promise<void>;

  /** The instance as it is now; undefined where there is none. */
  inspect(key: InstanceKey, signal: AbortSignal): Promise<InstanceStatus | undefined>;

  /** Every instance with this runtime's worker label, running or not. */
  list(signal: AbortSignal): Promise<readonly InstanceStatus[]>;

  /**
   * Tells which instances may have changed, as soon as the machine knows. Events only wake: what
   * is true comes from `inspect` and `list`. After `resync` anything may have been missed.
   * Reconnects by itself, and ends only with `signal`.
   */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;

  /**
   * The output of an instance, oldest first, ended or not. With `follow` it goes on until the
   * instance has ended. Lines longer than 64 KiB are cut.
   */
  logs(
    key: InstanceKey,
    options: LogOptions & { readonly signal: AbortSignal },
  ): AsyncIterable<LogLine>;

  /** Runs a command next to (process) or inside (container) a running instance. */
  execute(key: InstanceKey, options: ExecuteOptions): Promise<ExecuteResult>;

  /**
   * Runs a command as `execute` does, but connected to whoever asked: takes its input from
   * `options.input` as the command reads it, and gives its output as it is taken, the exit code
   * last. A program that is not there, or cannot be run, gives 127 or 126, as in a shell. Leaving the iteration
   * kills the command with all that it has started, as the signal does.
   *
   * @throws CubeError `runtime-failed`, when the instance does not run, or there is no terminal
   *   to be had.
   */
  openSession(key: InstanceKey, options: SessionOptions): AsyncIterable<SessionOutput>;

  /** Measured use of the running instances, by instance. Those not measurable are left out. */
  usage(signal: AbortSignal): Promise<readonly InstanceUsage[]>;

  /** Lets go of connections and watchers. Instances run on. */
  close(): Promise<void>;
}

/** One placement of a task: what an instance is an instance of. */
export interface InstanceKey {
  readonly taskId: string;
  readonly attempt: number;
}

export interface InstanceSpec extends InstanceKey {
  /** The cluster for which it runs, as a label. */
  readonly cluster: string;
  readonly spec: TaskSpec;
}

export interface StartOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: string) => void;
}

export interface StopOptions {
  readonly stopSignal: StopSignal;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface RemoveOptions {
  readonly removeVolumes: boolean;
  readonly signal: AbortSignal;
}

export interface RuntimeState {
  readonly available: boolean;
  readonly version?: string;
  /** Why it is not available, and what to do about it, as a sentence. */
  readonly reason?: string;
  /** What works less well here than it could, such as limits that cannot be set. */
  readonly notes: readonly string[];
}

/** All that a runtime knows of an instance. */
export interface InstanceStatus extends InstanceKey {
  readonly cluster: string;
  /** `created`: made but not started. */
  readonly phase: 'created' | 'running' | 'ended';
  /** Runs, but gets no time: somebody else has paused it. Default false. */
  readonly isPaused?: boolean;
  /** Container id, or pid. Stays the same as long as the instance exists. */
  readonly runtimeId: string;
  /** RFC 3339. */
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly ports: readonly PublishedPort[];
  /** Set exactly when the phase is `ended`; `unknown` where it was lost. */
  readonly exitCode?: ExitCode;
  /** Set exactly when the phase is `ended`: exited, out-of-memory, killed-after-timeout, … */
  readonly reason?: Reason;
}

export type RuntimeEvent =
  | {
      readonly type: 'changed';
      readonly key: InstanceKey;
      /** Set where all that has happened is that it began to run. */
      readonly isStart?: true;
    }
  | { readonly type: 'resync' };

export interface ExecuteOptions {
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface ExecuteResult {
  /** -1 when it did not end in time and was killed. */
  readonly exitCode: number;
  /** The first 4 KiB of what it wrote. */
  readonly output: string;
}

export interface InstanceUsage extends InstanceKey {
  /** Cores used on average since the last call. */
  readonly cpu: number;
  readonly memory: number;
}
