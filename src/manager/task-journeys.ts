import type { Clock } from '../lib/clock.ts';
import { noopTracer, type Span, type Tracer } from '../lib/tracer.ts';
import type { AttemptKey } from '../link/protocol.ts';
import type { AppliedEvent } from './cluster-state.ts';
import type { ManagerMeter, TaskStage } from './manager-meter.ts';

export interface TaskJourneysOptions {
  readonly clock: Clock;
  readonly meter: ManagerMeter;
  readonly tracer: Tracer;
}

/** A task on its way to running, as this manager has seen it. Times are monotonic. */
interface Journey {
  readonly stage: TaskStage;
  readonly since: number;
  /** Set for the first attempt of a task that was accepted by this manager. */
  readonly acceptedAt: number | undefined;
  /** The request that handed the task in, for traces. */
  readonly parent: string | undefined;
  readonly attempt: number;
  readonly span: Span;
}

/** Tasks that are followed at the same time, at most; of more, enough is known from these. */
const JOURNEY_COUNT_MAX = 100_000;

const SPAN_BY_STAGE: Readonly<Record<TaskStage, string | undefined>> = {
  commit: 'cube.commit',
  schedule: 'cube.schedule',
  order: 'cube.assign',
  // A span of the worker's.
  start: undefined,
};

/**
 * Follows each task from its acceptance until it runs: measures every stage, and makes each a span
 * of the trace that the submission belongs to. What is known here is gone with the manager, and
 * nothing else rests on it.
 */
export class TaskJourneys {
  readonly #options: TaskJourneysOptions;
  readonly #journeys = new Map<string, Journey>();

  constructor(options: TaskJourneysOptions) {
    this.#options = options;
  }

  /** A task is being handed in. The result is to be called when that has ended. */
  begin(taskId: string, parent: string | undefined): (error?: unknown) => void {
    if (this.#journeys.has(taskId)) return () => undefined;
    this.#enter(taskId, { stage: 'commit', acceptedAt: this.#now(), parent, attempt: 0 });
    return (error) => {
      // By then a task that was taken is a stage further.
      if (this.#journeys.get(taskId)?.stage === 'commit') this.#end(taskId, error);
    };
  }

  /** As `begin`, around `work`. */
  async follow<Result>(
    taskId: string,
    parent: string | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const end = this.begin(taskId, parent);
    try {
      const result = await work();
      end();
      return result;
    } catch (error) {
      end(error);
      throw error;
    }
  }

  onPublished({ event }: AppliedEvent): void {
    const { type, taskId, attempt = 0, reason } = event;
    this.#options.meter.onEvent(event);
    if (taskId === undefined) return;
    const journey = this.#journeys.get(taskId);
    if (type === 'task-submitted' && journey?.stage === 'commit') {
      this.#pass(journey);
      this.#enter(taskId, { ...journey, stage: 'schedule' });
    } else if (type === 'task-scheduled') {
      this.#onScheduled(taskId, attempt, journey);
    } else if (type === 'task-started') {
      this.#onStarted(taskId, journey);
    } else if (type === 'task-failed') {
      this.#end(taskId, reason?.message ?? 'It failed.');
    } else if (type === 'task-completed' || type === 'task-pruned') {
      this.#end(taskId);
    }
  }

  /** The worker has these orders on its disk. */
  onOrdersTaken(keys: readonly AttemptKey[]): void {
    for (const { taskId, attempt } of keys) {
      const journey = this.#journeys.get(taskId);
      if (journey?.stage !== 'order' || journey.attempt !== attempt) continue;
      this.#pass(journey);
      this.#enter(taskId, { ...journey, stage: 'start' });
    }
  }

  /** What the order of an attempt is a part of, for the worker's spans. */
  traceparentOf({ taskId, attempt }: AttemptKey): string | undefined {
    const journey = this.#journeys.get(taskId);
    return journey?.attempt === attempt ? journey.span.traceparent : undefined;
  }

  #onScheduled(taskId: string, attempt: number, journey: Journey | undefined): void {
    // Only a new task is looked for a node at once; a restart has waited for its time first.
    const isFirst = journey?.stage === 'schedule';
    if (isFirst) this.#pass(journey);
    else this.#end(taskId);
    const origin = isFirst ? journey : { acceptedAt: undefined, parent: undefined };
    this.#enter(taskId, { ...origin, stage: 'order', attempt });
  }

  #onStarted(taskId: string, journey: Journey | undefined): void {
    if (journey === undefined) return;
    this.#journeys.delete(taskId);
    this.#pass(journey);
    // The report of a quick start may come before the reply to its order.
    if (journey.stage === 'order') this.#options.meter.onStage('start', 0);
    const { acceptedAt } = journey;
    if (acceptedAt !== undefined) this.#options.meter.onRunning((this.#now() - acceptedAt) / 1000);
  }

  #enter(taskId: string, journey: Omit<Journey, 'since' | 'span'>): void {
    if (this.#journeys.size >= JOURNEY_COUNT_MAX && !this.#journeys.has(taskId)) return;
    const { stage, parent, attempt } = journey;
    const name = SPAN_BY_STAGE[stage];
    const tracer = name === undefined ? noopTracer : this.#options.tracer;
    const attributes = { 'cube.task.id': taskId, 'cube.attempt': attempt };
    const span = tracer.open(name ?? stage, { parent, attributes });
    this.#journeys.set(taskId, { ...journey, since: this.#now(), span });
  }

  #pass({ stage, since, span }: Journey): void {
    this.#options.meter.onStage(stage, (this.#now() - since) / 1000);
    span.end();
  }

  #end(taskId: string, error?: unknown): void {
    this.#journeys.get(taskId)?.span.end(error);
    this.#journeys.delete(taskId);
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}
