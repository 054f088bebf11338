import type { JSX } from 'preact';

export interface UsageBarProps {
  readonly title: string;
  readonly capacity: number;
  /** What is promised to tasks. */
  readonly committed: number;
  /** What is measured; undefined before the first heartbeat. */
  readonly used: number | undefined;
  readonly format: (amount: number) => string;
}

/** Capacity, what is promised of it, and what is in use, as one bar and in words. */
export function UsageBar(props: UsageBarProps): JSX.Element {
  const { title, capacity, committed, used, format } = props;
  const share = (amount: number): number =>
    capacity <= 0 ? 0 : Math.min(100, (amount / capacity) * 100);
  const use = used === undefined ? 'not measured' : `${format(used)} used`;
  const words = `${format(committed)} of ${format(capacity)} promised, ${use}`;
  return (
    <div class="usage" title={words}>
      <span class="usage-title">{title}</span>
      <svg class="usage-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="usage-track" width="100" height="8" />
        <rect class="usage-committed" width={share(committed)} height="8" />
        <rect class="usage-used" y="2.5" width={share(used ?? 0)} height="3" />
      </svg>
      <span class="usage-words">{words}</span>
    </div>
  );
}
