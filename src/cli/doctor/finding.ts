import { CubeError, messageOf } from '../../errors/cube-error.ts';

/** `fail`: something does not work. `warn`: it works, but may not for long, or not for everybody. */
export type FindingLevel = 'ok' | 'warn' | 'fail';

/** What was found of one thing that was looked at. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  readonly level: FindingLevel;
  readonly message: string;
  /** What to do about it; absent where all is well. */
  readonly remedy?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message };
}

export function warn(check: string, message: string, remedy: string): Finding {
  return { check, level: 'warn', message, remedy };
}

export function fail(check: string, message: string, remedy: string): Finding {
  return { check, level: 'fail', message, remedy };
}

/** An error as a finding: its message, and its hint for what to do. */
export function failed(check: string, error: unknown, remedy: string): Finding {
  const hint = error instanceof CubeError ? error.hint : undefined;
  return fail(check, messageOf(error), hint ?? remedy);
}
