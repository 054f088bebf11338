import { type ReadonlySignal, signal } from '@preact/signals';
import type { EventReply } from '../../client/event-stream.ts';
import { type Clock, systemClock, type Timer } from '../../lib/clock.ts';

const EVENT_COUNT_MAX = 20_000;
const PULSE_MS = 100;

/** The newest events, oldest first; those that come within a moment are shown together. */
export class EventTail {
  #events: EventReply[] = [];
  readonly #shown = signal<readonly EventReply[]>([]);
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  get events(): ReadonlySignal<readonly EventReply[]> {
    return this.#shown;
  }

  append(event: EventReply): void {
    this.#events.push(event);
    // Not with each one, since that would copy all of them each time.
    if (this.#events.length > EVENT_COUNT_MAX * 1.1) {
      this.#events = this.#events.slice(-EVENT_COUNT_MAX);
    }
    this.#timer ??= this.#clock.setTimer(PULSE_MS, () => {
      this.#timer = undefined;
      this.#shown.value = [...this.#events];
    });
  }
}
