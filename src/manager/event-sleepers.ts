import type { CubeEvent } from '../event/event.ts';
import { type EventFilter, isWanted } from '../event/event-filter.ts';

/** Somebody who sleeps until an event comes that he wants. */
export interface EventSleeper {
  readonly filter: EventFilter;
  /** Called once. Up to `revision` there was nothing for him while he slept. */
  readonly wake: (revision: number) => void;
}

/**
 * Who sleeps, by what he wants, so that an event costs as much as there are who want it, however
 * many others sleep.
 */
export class EventSleepers {
  readonly #byKey = new Map<string, Set<EventSleeper>>();

  add(sleeper: EventSleeper): void {
    for (const key of keysOf(sleeper.filter)) {
      const others = this.#byKey.get(key);
      if (others === undefined) this.#byKey.set(key, new Set([sleeper]));
      else others.add(sleeper);
    }
  }

  /** Does nothing for one who does not sleep. */
  remove(sleeper: EventSleeper): void {
    for (const key of keysOf(sleeper.filter)) {
      const others = this.#byKey.get(key);
      others?.delete(sleeper);
      if (others?.size === 0) this.#byKey.delete(key);
    }
  }

  /** Wakes those who want one of these events. */
  wakeFor(events: readonly CubeEvent[]): void {
    for (const event of events) {
      if (this.#byKey.size === 0) return;
      this.#wakeAt(EVERYTHING, event);
      if (event.taskId !== undefined) this.#wakeAt(taskKey(event.taskId), event);
      if (event.node !== undefined) this.#wakeAt(nodeKey(event.node), event);
      this.#wakeAt(typeKey(event.type), event);
    }
  }

  /** Wakes everybody; `revision` is the newest there is. */
  wakeAll(revision: number): void {
    const sleepers = new Set([...this.#byKey.values()].flatMap((some) => [...some]));
    this.#byKey.clear();
    for (const sleeper of sleepers) sleeper.wake(revision);
  }

  #wakeAt(key: string, event: CubeEvent): void {
    for (const sleeper of [...(this.#byKey.get(key) ?? [])]) {
      if (!isWanted(event, sleeper.filter)) continue;
      this.remove(sleeper);
      sleeper.wake(event.revision - 1);
    }
  }
}

const EVERYTHING = 'everything';

const taskKey = (id: string): string => `task ${id}`;
const nodeKey = (name: string): string => `node ${name}`;
const typeKey = (type: string): string => `type ${type}`;

/** Where a sleeper is looked for: by the part of his filter that the fewest events fit. */
function keysOf({ task, node, types }: EventFilter): readonly string[] {
  if (task !== undefined) return [taskKey(task)];
  if (node !== undefined) return [nodeKey(node)];
  return types === undefined ? [EVERYTHING] : types.map(typeKey);
}
