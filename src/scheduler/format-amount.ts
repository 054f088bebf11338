import type { RejectionCode } from '../task/placement.ts';
import { formatBytes } from '../task/quantity.ts';

/** An amount that is short, with its unit: `2 cores`, `4 GiB of memory`. */
export function formatAmount(code: RejectionCode, amount: number): string {
  if (code === 'cpu-short') return `${amount} ${amount === 1 ? 'core' : 'cores'}`;
  return `${formatBytes(amount)} of ${code === 'disk-short' ? 'disk' : 'memory'}`;
}
