import { findSetting } from '../config/setting.ts';
import { waitMs } from '../config/settings.ts';
import type { CliIo } from './cli-io.ts';

/** Why a wait is over before what was waited for has come. */
export type WaitEnd = 'interrupted' | 'timeout';

export interface WaitLimit extends Disposable {
  readonly signal: AbortSignal;
  /** Undefined while the wait goes on. */
  readonly end: WaitEnd | undefined;
}

/** @throws CubeError `configuration`, when `--timeout` is no duration. */
export function parseWaitMs(timeout: string | undefined): number | undefined {
  return findSetting(waitMs, timeout, {});
}

/** Bounds a wait by Ctrl-C and by `--timeout`, if that is given. */
export function createWaitLimit(io: CliIo, timeout: string | undefined): WaitLimit {
  const timeoutMs = parseWaitMs(timeout);
  const interrupt = io.watchInterrupt();
  const expiry = new AbortController();
  const timer =
    timeoutMs === undefined
      ? undefined
      : io.clock.setTimer(timeoutMs, () => expiry.abort(new Error('The time is over.')));
  return {
    signal: AbortSignal.any([interrupt.signal, expiry.signal]),
    get end() {
      if (interrupt.signal.aborted) return 'interrupted';
      return expiry.signal.aborted ? 'timeout' : undefined;
    },
    [Symbol.dispose]() {
      timer?.cancel();
      interrupt[Symbol.dispose]();
    },
  };
}
