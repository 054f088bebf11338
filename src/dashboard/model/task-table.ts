import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { EventReply } from '../../client/event-stream.ts';
import { type Clock, systemClock, type Timer } from '../../lib/clock.ts';
import { type TaskRow, taskRowAfter } from './task-row.ts';

/** Changes within so many milliseconds are shown together. */
const PULSE_MS = 100;

/** So many milliseconds more for each thousand tasks, since all of them are looked at again. */
const PULSE_MS_PER_THOUSAND = 10;

/** Every task, by its id. Who reads `rows` is told of changes, several at a time. */
export class TaskTable {
  /** All of them, in no order. */
  readonly rows: ReadonlySignal<readonly TaskRow[]>;
  readonly #rows = new Map<string, TaskRow>();
  /** Removed while pages are being read, which may be older than the removal. */
  readonly #removed = new Set<string>();
  /** Of tasks whose page has not come yet, and which may be older than these. */
  readonly #early = new Map<string, EventReply[]>();
  readonly #version = signal(0);
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #isSettled = false;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.rows = computed(() => (this.#version.value < 0 ? [] : [...this.#rows.values()]));
  }

  get size(): number {
    return this.#rows.size;
  }

  get(id: string): TaskRow | undefined {
    return this.#rows.get(id);
  }

  /** Takes rows of a list, which may be older or newer than what events have told. */
  add(rows: readonly TaskRow[]): void {
    for (const row of rows) {
      const known = this.#rows.get(row.id);
      const isNewer = known === undefined || known.revision < row.revision;
      if (!isNewer || this.#removed.has(row.id)) continue;
      this.#rows.set(row.id, row);
      for (const event of this.#early.get(row.id) ?? []) this.apply(event);
      this.#early.delete(row.id);
    }
    this.#pulse();
  }

  /** Takes one event; those that do not speak of a task change nothing. */
  apply(event: EventReply): void {
    const { taskId } = event;
    if (taskId === undefined) return;
    const row = taskRowAfter(this.#rows.get(taskId), event);
    if (row !== undefined) this.#rows.set(taskId, row);
    else if (event.type === 'task-pruned') {
      this.#rows.delete(taskId);
      if (!this.#isSettled) this.#removed.add(taskId);
    } else if (!this.#isSettled) {
      this.#early.set(taskId, [...(this.#early.get(taskId) ?? []), event]);
    }
    this.#pulse();
  }

  /** All pages have been read. */
  settle(): void {
    this.#isSettled = true;
    this.#removed.clear();
    this.#early.clear();
  }

  #pulse(): void {
    if (this.#timer !== undefined) return;
    const delayMs = PULSE_MS + (this.size / 1000) * PULSE_MS_PER_THOUSAND;
    // The very first rows are shown at once.
    this.#timer = this.#clock.setTimer(this.#version.value === 0 ? 0 : delayMs, () => {
      this.#timer = undefined;
      this.#version.value += 1;
    });
  }
}
