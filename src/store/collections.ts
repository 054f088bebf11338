/**
 * The key space, in one place.
 *
 * The manager's store:
 *
 *     meta    cluster              {id, createdAt}
 *     meta    reign                {epoch}; compared by every commit
 *     meta    floor                {floor}: the newest revision that was pruned
 *     meta    restored             {attemptFloor, …}, where it came from a backup
 *     tasks   <task id>            the task, the fold of its events
 *     nodes   <node name>          the node, likewise
 *     events  <revision, padded>   the log
 *     base    task/<id>, node/<n>  the fold of the events that were pruned
 *     base    pruned/<task id>     the revision that pruned it, as long as the log has it
 *
 * A worker's store:
 *
 *     meta      identity           {cluster, epoch, sequence}
 *     attempts  <task id>/<n>      what is to run and what is known of it
 */
export const managerCollections = ['meta', 'tasks', 'nodes', 'events', 'base'] as const;

export const workerCollections = ['meta', 'attempts'] as const;

/** Digits that hold every safe integer. */
const REVISION_DIGITS = 16;

/** A revision as a key whose order by code unit is the order of the numbers. */
export function revisionKey(revision: number): string {
  return String(revision).padStart(REVISION_DIGITS, '0');
}
