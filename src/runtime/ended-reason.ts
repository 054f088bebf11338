import { formatBytes, formatDuration } from '../task/quantity.ts';
import type { Reason } from '../task/reason.ts';
import type { StopSignal } from '../task/signal.ts';
import type { ExitCode } from '../task/task-status.ts';

/**
 * The reason of an instance that ended without being killed by its runtime. By the custom of
 * shells, 128 + n stands for signal n; whether it was one cannot be told from the code alone.
 */
export function exitedReason(exitCode: ExitCode): Reason {
  if (exitCode === 'unknown') {
    return { code: 'exited', message: 'It ended; its exit code was lost.' };
  }
  const signal = exitCode > 128 && exitCode <= 128 + 64 ? exitCode - 128 : undefined;
  const hint = signal === undefined ? '' : ` (by custom: ended by signal ${signal})`;
  return {
    code: 'exited',
    message: `It ended with exit code ${exitCode}${hint}.`,
    details: { exitCode },
  };
}

/** The reason of an instance that did not heed the signal to stop, or ignored it too long. */
export function killedAfterTimeoutReason(options: {
  readonly stopSignal: StopSignal;
  readonly timeoutMs: number;
}): Reason {
  const { stopSignal, timeoutMs } = options;
  return {
    code: 'killed-after-timeout',
    message: `It was killed: ${formatDuration(timeoutMs)} after ${stopSignal} it had not ended.`,
    details: { stopSignal, timeoutMs },
  };
}

/** The reason of an instance whose main process was killed for want of memory. */
export function outOfMemoryReason(memoryBytes: number | undefined): Reason {
  if (memoryBytes === undefined) {
    return { code: 'out-of-memory', message: 'It was killed: the machine ran out of memory.' };
  }
  return {
    code: 'out-of-memory',
    message: `It was killed: it needed more than its limit of ${formatBytes(memoryBytes)} of memory.`,
    details: { limitBytes: memoryBytes },
  };
}
