/** What a figure is to reach, against its reference or alone. */
export type Target =
  | { readonly kind: 'ratio'; readonly atLeast: number }
  | { readonly kind: 'ratio'; readonly atMost: number }
  | { readonly kind: 'extra'; readonly atMost: number }
  | { readonly kind: 'value'; readonly atMost: number };

/** At least so many times the reference. */
export function timesAtLeast(atLeast: number): Target {
  return { kind: 'ratio', atLeast };
}

/** At most so many times the reference. */
export function timesAtMost(atMost: number): Target {
  return { kind: 'ratio', atMost };
}

/** At most so much more than the reference, in the unit of the figure. */
export function extraAtMost(atMost: number): Target {
  return { kind: 'extra', atMost };
}

/** At most this, in the unit of the figure. */
export function valueAtMost(atMost: number): Target {
  return { kind: 'value', atMost };
}

export function isMet(target: Target, ours: number, reference: number): boolean {
  if (target.kind === 'value') return ours <= target.atMost;
  if (target.kind === 'extra') return ours - reference <= target.atMost;
  const ratio = ours / reference;
  return 'atLeast' in target ? ratio >= target.atLeast : ratio <= target.atMost;
}

/** As the table shows it. */
export function describeTarget(target: Target, unit: string): string {
  if (target.kind === 'value') return `≤ ${target.atMost} ${unit}`;
  if (target.kind === 'extra') return `≤ +${target.atMost} ${unit}`;
  if ('atLeast' in target) return `≥ ${shortRatio(target.atLeast)}×`;
  return `≤ ${shortRatio(target.atMost)}×`;
}

function shortRatio(ratio: number): string {
  return ratio >= 0.2 ? String(ratio) : ratio.toPrecision(2);
}
