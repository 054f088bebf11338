import type { AttemptPhase } from '../link/protocol.ts';
import type { AttemptChange } from './attempt-book.ts';
import type { HealthFinding } from './health/health-judgement.ts';

/** Is told what the worker does and how long it takes. Nothing depends on it. */
export interface WorkerMeter {
  /** An attempt is in another phase, and that is durable. */
  onPhase(phase: AttemptPhase): void;
  /** A health check has been made. */
  onHealthCheck(check: { readonly finding: HealthFinding; readonly seconds: number }): void;
}

/** Measures nothing. */
export const noopWorkerMeter: WorkerMeter = {
  onPhase: () => undefined,
  onHealthCheck: () => undefined,
};

/** Tells of each new phase of an attempt. */
export function meterChanges(meter: WorkerMeter, changes: readonly AttemptChange[]): void {
  for (const { before, after } of changes) {
    if (after === undefined || after.gone === true) continue;
    const { phase } = after.observation;
    if (before?.observation.phase !== phase) meter.onPhase(phase);
  }
}
