import { percentile } from '../suite/statistics.ts';

export interface Burst {
  /** Operations a second. */
  readonly rate: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Lets callers repeat an operation, each waiting for its own, until the time is over. */
export async function burst(
  { callers, ms }: { readonly callers: number; readonly ms: number },
  operation: () => Promise<unknown>,
): Promise<Burst> {
  const took: number[] = [];
  const startedAt = performance.now();
  const deadline = startedAt + ms;
  const call = async (): Promise<void> => {
    for (let begun = performance.now(); begun < deadline; ) {
      await operation();
      const now = performance.now();
      took.push(now - begun);
      begun = now;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const seconds = (performance.now() - startedAt) / 1000;
  return { rate: took.length / seconds, p50: percentile(took, 0.5), p99: percentile(took, 0.99) };
}
