/**
 * Why a task is as it is, as a closed list: programs compare the code, people read the message.
 */
export const reasonCodes = [
  // Waiting for a node; the rejections by node tell more.
  'no-nodes',
  'no-node-fits',
  // Waiting for time to pass.
  'restart-delayed',
  // Ended.
  'exited',
  'stopped-by-user',
  'killed-after-timeout',
  'out-of-memory',
  'unhealthy',
  'start-failed',
  'image-missing',
  'port-taken',
  'not-allowed',
  'runtime-unavailable',
  'removed-externally',
  'stopped-externally',
  'lost-on-reboot',
  'lost',
  'node-lost',
  'restarts-exhausted',
  // Gave its place to the next attempt.
  'restarted-by-user',
  'node-drained',
] as const;

export type ReasonCode = (typeof reasonCodes)[number];

/** A reason with its words and numbers, such as what was needed and what was available. */
export interface Reason {
  readonly code: ReasonCode;
  /** One sentence for a person. */
  readonly message: string;
  readonly details?: Readonly<Record<string, string | number>> | undefined;
}
