import type { CubeEvent } from '../event/event.ts';

/** The stages from an accepted task to one that runs. */
export type TaskStage =
  /** Accepted, until it is durable. */
  | 'commit'
  /** Until it is durable on which node it goes. */
  | 'schedule'
  /** Until the node's worker has the order on its disk. */
  | 'order'
  /** Until it is durable that it runs. */
  | 'start';

/** Is told what the manager does and how long it takes. Nothing depends on it. */
export interface ManagerMeter {
  /** An event that has become durable. */
  onEvent(event: CubeEvent): void;
  /** A stage is over, in seconds of the monotonic clock. */
  onStage(stage: TaskStage, seconds: number): void;
  /** The first attempt of a task runs, so many seconds after the task was accepted. */
  onRunning(seconds: number): void;
}

/** Measures nothing. */
export const noopManagerMeter: ManagerMeter = {
  onEvent: () => undefined,
  onStage: () => undefined,
  onRunning: () => undefined,
};
