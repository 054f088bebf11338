import { assert } from '../lib/assert.ts';
import type { Task } from '../task/task.ts';
import type { NodeSnapshot } from './scheduler.ts';

/**
 * The third phase of every policy: the lowest score. Among equals a hash of the task decides, so
 * that the choice is the same each time it is computed and yet spreads over all of them.
 */
export function pickLowest(
  task: Task,
  candidates: readonly NodeSnapshot[],
  scores: readonly number[],
): number {
  let lowest = Number.POSITIVE_INFINITY;
  let equals: number[] = [];
  scores.forEach((score, index) => {
    if (score < lowest) {
      lowest = score;
      equals = [index];
    } else if (score === lowest) {
      equals.push(index);
    }
  });
  const index = equals[pickAmongEquals(task, equals.length)];
  assert(index !== undefined && index < candidates.length, 'there is a candidate to pick');
  return index;
}

/** Which of so many equals gets the task, counted from 0 in the order of their names. */
export function pickAmongEquals(task: Task, count: number): number {
  return count <= 1 ? 0 : hash(task.id) % count;
}

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * FNV-1a over the UTF-16 units, then the finalizer of MurmurHash3: in FNV alone the last character
 * reaches few of the high bits.
 */
function hash(text: string): number {
  let mixed = OFFSET_BASIS;
  for (let index = 0; index < text.length; index += 1) {
    mixed = Math.imul(mixed ^ text.charCodeAt(index), PRIME);
  }
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
