import type { CubeEvent } from '../../event/event.ts';
import { redactSpec } from '../../task/task.ts';

/** A value that every simulated task is given as a secret. */
export const SECRET = 'hush-5up3r-5ecret';

/** Sees to it that what is told of tasks never tells a secret. */
export class SecretWatch {
  readonly violations: string[] = [];

  /** An event, and what it is as JSON. */
  onEvent(event: CubeEvent, json: string): void {
    const { spec } = event;
    const shown = spec === undefined ? json : JSON.stringify({ ...event, spec: redactSpec(spec) });
    this.check(`event ${event.revision}`, shown);
  }

  /** What somebody was told, in words. */
  check(what: string, text: string): void {
    if (text.includes(SECRET)) this.violations.push(`[secrets] ${what} tells a secret`);
  }
}
