import { setTimeout as pause } from 'node:timers/promises';

/** How long a test waits for what must happen; far longer than it ever takes. */
const DEADLINE_MS = 15_000;

/**
 * Waits until `look` gives something other than undefined or false, asking again and again.
 *
 * @throws Error naming `what`, when it does not come about within the deadline.
 */
export async function eventually<Found>(
  what: string,
  look: () => Promise<Found | undefined | false> | Found | undefined | false,
  deadlineMs: number = DEADLINE_MS,
): Promise<Found> {
  const startedAt = performance.now();
  for (let pauseMs = 5; ; pauseMs = Math.min(100, pauseMs * 1.5)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() - startedAt > deadlineMs) {
      throw new Error(`Waited ${deadlineMs} ms in vain until ${what}.`);
    }
    await pause(pauseMs);
  }
}
