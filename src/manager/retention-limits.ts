/** How long what is over is kept. Whatever passes one of the limits goes, oldest first. */
export interface RetentionLimits {
  /** Finished tasks are kept this long after their end, in milliseconds. */
  readonly finishedAgeMs: number;
  readonly finishedCountMax: number;
  /** Events are kept this long, in milliseconds. */
  readonly eventAgeMs: number;
  readonly eventCountMax: number;
}

const DAY_MS = 86_400_000;

export const defaultRetention: RetentionLimits = {
  finishedAgeMs: 7 * DAY_MS,
  finishedCountMax: 10_000,
  eventAgeMs: 30 * DAY_MS,
  eventCountMax: 250_000,
};
