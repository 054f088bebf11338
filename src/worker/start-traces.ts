import type { Span, Tracer } from '../lib/tracer.ts';
import type { AttemptKey, RunOrder } from '../link/protocol.ts';
import { attemptKeyText } from '../store/attempt-repository.ts';

/** Orders whose start is awaited, at most; the trace of an older one ends at the manager. */
const ORDER_COUNT_MAX = 10_000;

/** Makes each start a span of the trace that its order came with. */
export class StartTraces {
  readonly #tracer: Tracer;
  readonly #parents = new Map<string, string>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  remember(orders: readonly RunOrder[]): void {
    for (const order of orders) {
      if (order.traceparent === undefined) continue;
      this.#parents.set(attemptKeyText(order), order.traceparent);
      if (this.#parents.size <= ORDER_COUNT_MAX) continue;
      const [oldest] = this.#parents.keys();
      if (oldest !== undefined) this.#parents.delete(oldest);
    }
  }

  /** The span of one start, which begins now. */
  open(key: AttemptKey): Span {
    const text = attemptKeyText(key);
    const parent = this.#parents.get(text);
    this.#parents.delete(text);
    const attributes = { 'cube.task.id': key.taskId, 'cube.attempt': key.attempt };
    return this.#tracer.open('cube.start', { parent, attributes });
  }
}
