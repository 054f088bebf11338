/** What may be done to a simulated cluster. */
export const faultKinds = [
  'manager-killed',
  'manager-paused',
  'manager-usurped',
  'manager-disk-full',
  'manager-disk-fails',
  'manager-clock-stepped',
  'worker-killed',
  'worker-paused',
  'worker-disk-full',
  'worker-disk-fails',
  'worker-disk-lost',
  'worker-clock-stepped',
  'machine-rebooted',
  'cut-off',
  'cut-one-way',
  'runtime-away',
  'events-lost',
  'instance-killed',
  'instance-removed',
  'replies-cut',
  'half-open',
  'streams-stalled',
  'streams-torn',
  'everything-asleep',
] as const;

export type FaultKind = (typeof faultKinds)[number];
