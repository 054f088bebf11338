import type { Random } from '../lib/random.ts';
import type { RestartPolicy } from './restart-policy.ts';
import { durationMs } from './spec-fields.ts';

/** What a restart decision looks at. */
export interface EndedAttempt {
  /** True when it ended with exit code 0 of its own accord. */
  readonly succeeded: boolean;
  /** How long it ran, in milliseconds of a monotonic clock as far as known; 0 if it never ran. */
  readonly ranMs: number;
  /** Restarts since the task last ran for the whole window of its policy. */
  readonly recentRestartCount: number;
}

export type RestartDecision =
  | { readonly restart: false; readonly why: 'not-wanted' | 'exhausted' }
  | { readonly restart: true; readonly delayMs: number; readonly recentRestartCount: number };

/**
 * Whether and when a task that ended is started again. The wait doubles with each restart from
 * `delay` to `delayMax`; of the doubled part up to half is taken off at random, so that tasks that
 * fell together do not rise together, and it is never below `delay`. A run of at least `window`
 * clears the count.
 */
export function decideRestart(
  policy: RestartPolicy,
  ended: EndedAttempt,
  random: Random,
): RestartDecision {
  const wanted = policy.policy === 'always' || (policy.policy === 'on-failure' && !ended.succeeded);
  if (!wanted) return { restart: false, why: 'not-wanted' };
  const ranWholeWindow = ended.ranMs >= durationMs(policy.window);
  const recent = ranWholeWindow ? 0 : ended.recentRestartCount;
  if (policy.attempts !== undefined && recent >= policy.attempts) {
    return { restart: false, why: 'exhausted' };
  }
  const delayMs = durationMs(policy.delay);
  const doubledMs = Math.min(durationMs(policy.delayMax), delayMs * 2 ** Math.min(recent, 40));
  const jitteredMs = doubledMs * (1 - 0.5 * random.next());
  return {
    restart: true,
    delayMs: Math.round(Math.max(delayMs, jitteredMs)),
    recentRestartCount: recent + 1,
  };
}
