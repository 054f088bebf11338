import type { JSX } from 'preact';
import type { NodeReply } from '../../link/replies.ts';
import { formatBytes } from '../../task/quantity.ts';
import { UsageBar } from './usage-bar.tsx';

/** Capacity, allocation and use of a node's three resources. */
export function NodeUsage({ node }: { readonly node: NodeReply }): JSX.Element {
  const { capacity, committed } = node;
  const used = node.stats?.used ?? node.observed;
  const cores = (amount: number): string => `${Math.round(amount * 100) / 100}`;
  const of = { capacity, committed, used };
  return (
    <div class="usages">
      <UsageBar title="CPU cores" {...amountsOf(of, 'cpu')} format={cores} />
      <UsageBar title="Memory" {...amountsOf(of, 'memory')} format={formatBytes} />
      <UsageBar title="Disk" {...amountsOf(of, 'disk')} format={formatBytes} />
    </div>
  );
}

type Amounts = Readonly<Record<'cpu' | 'memory' | 'disk', number>>;

function amountsOf(
  of: {
    readonly capacity: Amounts;
    readonly committed: Amounts;
    readonly used: Amounts | undefined;
  },
  key: keyof Amounts,
): { readonly capacity: number; readonly committed: number; readonly used: number | undefined } {
  return { capacity: of.capacity[key], committed: of.committed[key], used: of.used?.[key] };
}
