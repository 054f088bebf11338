import { RESTORED_ATTEMPT_MIN } from '../event/fold.ts';
import type { Reign } from './manager-repository.ts';

/** What of the meta collection of a restored data file differs from its backup. */
export interface RestoredReign {
  readonly reign: Reign;
  /** Attempts are numbered from above this on. */
  readonly attemptFloor: number;
}

/**
 * The reign of a data file that is restored from a backup.
 *
 * Between the backup and now, managers may have begun further epochs, and workers refuse whatever
 * is older than the latest that they obeyed; and they may have started further attempts, whose
 * numbers workers never use twice. Neither can be known from the backup. Epochs grow by one with
 * each start, so that the seconds since 1970 are above any of them, and above those of any earlier
 * restore, unless managers were started more than once a second. Where the clock is far behind,
 * at least what is known of is passed.
 */
export function restoredReign(
  backup: Reign,
  context: {
    /** The epoch of the data that are replaced; 0 where there are none. */
    readonly replacedEpoch: number;
    /** Wall time in milliseconds. */
    readonly nowMs: number;
  },
): RestoredReign {
  const known = Math.max(backup.epoch, context.replacedEpoch);
  const epoch = Math.max(known + 1, Math.floor(context.nowMs / 1000));
  const attemptFloor = Math.max(epoch, RESTORED_ATTEMPT_MIN);
  return { reign: { cluster: backup.cluster, epoch }, attemptFloor };
}
