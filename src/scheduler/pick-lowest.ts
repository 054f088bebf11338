import { assert } from '../lib/assert.ts';
import type { Task } from '../task/task.ts';
import type { NodeSnapshot } from './scheduler.ts';

/**
 * The third phase of every policy: the lowest score. Among equals a hash of task and node decides,
 * so that the choice is the same each time it is computed and still not always the first node.
 */
export function pickLowest(
  task: Task,
  candidates: readonly NodeSnapshot[],
  scores: readonly number[],
): number {
  let best = -1;
  let bestScore = Number.POSITIVE_INFINITY;
  let bestRank: number | undefined;
  const seed = hash(task.id, OFFSET_BASIS);
  const rankOf = (index: number): number => hash(candidates[index]?.node.name ?? '', seed);
  scores.forEach((score, index) => {
    if (score < bestScore) {
      best = index;
      bestScore = score;
      bestRank = undefined;
    } else if (score === bestScore) {
      bestRank ??= rankOf(best);
      const rank = rankOf(index);
      if (rank < bestRank) {
        best = index;
        bestRank = rank;
      }
    }
  });
  assert(best >= 0, 'there is a candidate with a finite score to pick');
  return best;
}

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * FNV-1a over the UTF-16 units, then the finalizer of MurmurHash3: FNV alone orders names that
 * differ in their last character alike for every seed.
 */
function hash(text: string, seed: number): number {
  let mixed = seed;
  for (let index = 0; index < text.length; index += 1) {
    mixed = Math.imul(mixed ^ text.charCodeAt(index), PRIME);
  }
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
