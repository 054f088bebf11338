import { formatSpan } from './age.ts';

/** How far one clock is from another: `1h ahead`, `12s behind`. */
export function describeSkew(skewMs: number): string {
  return `${formatSpan(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead' : 'behind'}`;
}
