import type { Random } from '../lib/random.ts';
import { SeededRandom } from './seeded-random.ts';

/**
 * Draws for a simulation. Each use has a stream of its own, forked from the seed by a label, so
 * that one more draw in one place does not change what happens in all the others.
 */
export class Dice {
  readonly random: Random;

  constructor(seed: number, label: string) {
    let hash = seed >>> 0;
    for (const letter of label) hash = Math.imul(hash ^ letter.charCodeAt(0), 16_777_619) >>> 0;
    this.random = new SeededRandom(hash);
  }

  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  /** A whole number, both ends included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.random.next() * (max - min + 1));
  }

  /** A number from 0 to `max`: mostly small, seldom large, as waits in networks are. */
  skewed(max: number): number {
    return max * this.random.next() ** 4;
  }

  pick<Value>(values: readonly Value[]): Value {
    const value = values[this.between(0, values.length - 1)];
    if (value === undefined) throw new Error('There is nothing to pick from.');
    return value;
  }
}
