/** A seed that once broke an invariant, and what was wrong, in a sentence. */
export interface RegressionSeed {
  readonly seed: number;
  readonly bug: string;
}

/**
 * Seeds that find bugs in the sources before their fixes, run with every `npm test`. A seed means the same only as long as nothing
 * draws otherwise from it, so that each bug has a test of its own beside its seed: see
 * docs/bugs-found.md.
 */
export const regressionSeeds: readonly RegressionSeed[] = [
  { seed: 2, bug: 'what a task had left on another node was never forgotten' },
  { seed: 4, bug: 'the id of a pruned task was forgotten, and the task ran again' },
  { seed: 895582593, bug: 'a stepped wall clock made short runs of a standalone task long ones' },
  { seed: 895583852, bug: 'a worker that had lost its records obeyed a manager that was replaced' },
  { seed: 700000998, bug: 'a late order for an older attempt left a record of it for good' },
  { seed: 710000391, bug: 'a repeated order restarted what had ended before records were lost' },
  { seed: 99, bug: 'a restart was refused for a stop that was not yet durable' },
  { seed: 750000041, bug: 'what a worker without records could not look for was told as ended' },
  { seed: 895615009, bug: 'a manager that was replaced confirmed a drain that had ended since' },
  { seed: 760001696, bug: 'a restart of what a drain moves was forgotten when that ended itself' },
];
