import type { PortPatches } from '../cluster/port-patches.ts';

/** What is explored: all that may happen within these bounds. */
export interface Scope {
  readonly onNodeLost: 'replace' | 'wait';
  /** Whether the client may stop the task, at any moment after its submission was acknowledged. */
  readonly mayStop: boolean;
  /** How often at most, on one path, a process is killed. */
  readonly crashCountMax: number;
  /** How often at most a request arrives a second time. */
  readonly copyCountMax: number;
  /** How often at most a message is lost. */
  readonly lossCountMax: number;
  /** Steps of one path at most; what would go on is judged as it is. */
  readonly depthMax: number;
  /**
   * Whether only paths are taken for the same on which every process has met the same in the same
   * order. Default false: also those that differ in the order alone, if they have led to the same
   * records, instances and messages.
   */
  readonly isStrict?: boolean;
  /** Bugs to plant. */
  readonly patches?: PortPatches;
}
