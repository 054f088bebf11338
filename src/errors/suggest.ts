import { distance } from 'fastest-levenshtein';

/** The longest word that is compared; longer ones are no slips of the finger. */
const LENGTH_MAX = 64;

/** The candidate that `word` was probably meant to be, or undefined. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > LENGTH_MAX) return undefined;
  const lower = word.toLowerCase();
  const sameLetters = candidates.find((candidate) => candidate.toLowerCase() === lower);
  if (sameLetters !== undefined) return sameLetters;
  const prefixed = candidates.filter((candidate) => candidate.toLowerCase().startsWith(lower));
  if (lower.length >= 2 && prefixed.length === 1) return prefixed[0];
  const distanceMax = Math.min(3, Math.floor(word.length / 2));
  let best: string | undefined;
  let bestDistance = distanceMax + 1;
  for (const candidate of candidates) {
    const steps = distance(lower, candidate.toLowerCase());
    if (steps < bestDistance) {
      best = candidate;
      bestDistance = steps;
    }
  }
  return best;
}
