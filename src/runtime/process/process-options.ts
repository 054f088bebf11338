import { assert } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Random } from '../../lib/random.ts';
import type { ControlGroupMount } from './control-group-mounts.ts';
import { DEFAULT_OUTPUT_LIMITS, type OutputLimits } from './output-rotation.ts';
import type { ProcessUserOption } from './process-user.ts';

export interface ProcessRuntimeOptions {
  /** Where instances are kept, as an absolute path; made where it does not exist. */
  readonly directory: string;
  /** The identity that labels what is started. */
  readonly worker: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** As whom tasks run. Default: as the worker itself. Another user needs root. */
  readonly user?: ProcessUserOption;
  /**
   * Below it the working directories of tasks are made that run as another user, who must be able
   * to pass all directories above it. Default `/var/lib/cube-work`.
   */
  readonly workRoot?: string;
  /** The PATH of tasks that set none. Default: the system's folders. Never the worker's own. */
  readonly searchPath?: string;
  /** Processes and threads one task may have, where control groups allow a limit. Default 512. */
  readonly pidsMax?: number;
  /** Default: 10 MiB in each of three files for each stream. */
  readonly outputLimits?: OutputLimits;
  /** Looks at everything this often, in milliseconds, besides being told. Default 1000. */
  readonly pollMs?: number;
  /** Default: those of this machine. An empty list does without control groups. */
  readonly controlGroupMounts?: readonly ControlGroupMount[];
}

export interface CompiledProcessOptions {
  readonly workerDirectory: string;
  readonly worker: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly user: ProcessUserOption | undefined;
  readonly workRoot: string;
  readonly searchPath: string;
  readonly pidsMax: number;
  readonly outputLimits: OutputLimits;
  readonly pollMs: number;
  readonly controlGroupMounts: readonly ControlGroupMount[] | undefined;
}

const DEFAULT_WORK_ROOT = '/var/lib/cube-work';

const DEFAULT_SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The options with all defaults filled in. */
export function compileProcessOptions(options: ProcessRuntimeOptions): CompiledProcessOptions {
  const outputLimits = options.outputLimits ?? DEFAULT_OUTPUT_LIMITS;
  assert(outputLimits.rotatedCount >= 1, 'at least one rotated file of output is kept');
  return Object.freeze({
    workerDirectory: `${options.directory}/${options.worker}`,
    worker: options.worker,
    clock: options.clock,
    random: options.random,
    logger: options.logger,
    user: options.user,
    workRoot: options.workRoot ?? DEFAULT_WORK_ROOT,
    searchPath: options.searchPath ?? DEFAULT_SEARCH_PATH,
    pidsMax: options.pidsMax ?? 512,
    outputLimits,
    pollMs: options.pollMs ?? 1000,
    controlGroupMounts: options.controlGroupMounts,
  });
}
