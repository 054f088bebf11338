import type { SimulatedRecord } from '../../runtime/simulated/simulated-world.ts';

/**
 * Watches what truly runs, and says at once when something runs that never may: two instances of
 * one attempt, or two of a task that is to run at most once.
 */
export class WorldWatch {
  readonly history: SimulatedRecord[] = [];
  readonly violations: string[] = [];
  /** Ids of tasks that must never run twice at a time, whatever happens. */
  readonly atMostOnce = new Set<string>();
  readonly #running = new Map<string, Map<string, SimulatedRecord>>();

  readonly observe = (record: SimulatedRecord): void => {
    this.history.push(record);
    const { taskId, type } = record;
    const instances = this.#running.get(taskId) ?? new Map<string, SimulatedRecord>();
    this.#running.set(taskId, instances);
    const key = `${record.worker} ${record.runtimeId}`;
    if (type === 'ended' || type === 'removed') instances.delete(key);
    if (type !== 'started') return;
    const others = [...instances.values()];
    instances.set(key, record);
    if (others.some(({ attempt }) => attempt === record.attempt)) {
      this.#violated('one-per-attempt', record, others);
    }
    if (others.length > 0 && this.atMostOnce.has(taskId)) {
      this.#violated('at-most-one', record, others);
    }
  };

  /** What runs now. */
  running(): readonly SimulatedRecord[] {
    return [...this.#running.values()].flatMap((instances) => [...instances.values()]);
  }

  #violated(check: string, record: SimulatedRecord, others: readonly SimulatedRecord[]): void {
    const also = others.map(({ attempt, worker }) => `${attempt} on ${worker}`).join(', ');
    this.violations.push(
      `[${check}] at ${record.atMs} ms: task ${record.taskId} started as attempt ` +
        `${record.attempt} on ${record.worker} while these ran: ${also}`,
    );
  }
}
