import { isDeepStrictEqual } from 'node:util';
import { CubeError } from '../errors/cube-error.ts';
import {
  type Assignments,
  type AttemptKey,
  type ForgetOrder,
  type Observation,
  PROTOCOL_VERSION,
  type RunOrder,
  type StopOrder,
} from '../link/protocol.ts';
import { type AttemptRecord, STANDALONE } from '../store/attempt-repository.ts';
import type { RuntimeName, TaskSpec } from '../task/task-spec.ts';
import type { BookDraft } from './attempt-book.ts';

/** What orders are judged against, beside the book. */
export interface OrderContext {
  /** The moment, RFC 3339. */
  readonly now: string;
  /** What the identity file says; binds even where the store was lost. */
  readonly known: KnownReign;
  readonly hasRuntime: (name: RuntimeName) => boolean;
  /** Instances of this worker without a record: attempt by attempt, and where each one is. */
  readonly findOrphans: (taskId: string) => readonly Orphan[];
}

/**
 * Whom a worker obeys: a cluster, and no older manager of it. A worker that forgot the epoch would
 * obey a manager that was replaced, and whose stops are of a state that is no longer true.
 */
export interface KnownReign {
  readonly cluster?: string | undefined;
  readonly epoch?: number | undefined;
}

export interface Orphan extends AttemptKey {
  readonly runtime: RuntimeName;
}

/**
 * Writes a manager's orders into the draft; repeating that changes nothing.
 *
 * A stop is never taken back, and an attempt lower than one already known never starts: orders may
 * arrive late and in any order.
 *
 * @throws CubeError `wrong-cluster`, `stale-epoch`, or `invalid-input` for another protocol.
 */
export function takeOrders(
  draft: BookDraft,
  assignments: Assignments,
  context: OrderContext,
): void {
  takeReign(draft, assignments, context.known);
  const orders = new Orders(draft, assignments.cluster, context);
  for (const order of assignments.run) orders.run(order);
  for (const key of assignments.stop) orders.stop(key);
  for (const key of assignments.forget) orders.forget(key);
}

/** Checks whose reign it is, and records a newer one. */
export function takeReign(
  draft: BookDraft,
  reign: { readonly cluster: string; readonly epoch: number; readonly protocol?: number },
  known: KnownReign,
): void {
  if (reign.protocol !== undefined && reign.protocol !== PROTOCOL_VERSION) {
    throw new CubeError(
      'invalid-input',
      `The manager speaks protocol ${reign.protocol}, this worker speaks ${PROTOCOL_VERSION}.`,
      {
        issues: [
          { field: 'protocol', got: String(reign.protocol), want: String(PROTOCOL_VERSION) },
        ],
        hint: 'Run the same version of Cube on manager and workers.',
      },
    );
  }
  const cluster = draft.cluster ?? known.cluster;
  const epoch = Math.max(draft.epoch, known.epoch ?? 0);
  if (cluster !== undefined && cluster !== reign.cluster) {
    throw new CubeError(
      'wrong-cluster',
      `This worker belongs to cluster ${cluster}; the manager is of cluster ${reign.cluster}.`,
      { hint: 'Start the worker with a data directory of its own for the other cluster.' },
    );
  }
  if (reign.epoch < epoch) {
    throw new CubeError(
      'stale-epoch',
      `The orders are of epoch ${reign.epoch}, and this worker obeys epoch ${epoch}.`,
      { hint: 'Another manager has taken over this cluster; stop the older one.' },
    );
  }
  if (draft.cluster === undefined || reign.epoch > draft.epoch) {
    draft.setReign(reign.cluster, reign.epoch);
  }
}

/** The record of a new attempt that is to run. */
export function newAttempt(order: {
  readonly key: AttemptKey;
  readonly cluster: string;
  readonly spec: TaskSpec;
  readonly now: string;
}): Omit<AttemptRecord, 'sequence'> {
  const { key, cluster, spec, now } = order;
  return {
    taskId: key.taskId,
    attempt: key.attempt,
    cluster,
    runtime: spec.runtime,
    spec,
    desired: 'running',
    observation: preparing(key),
    createdAt: now,
  };
}

class Orders {
  readonly #draft: BookDraft;
  readonly #cluster: string;
  readonly #context: OrderContext;

  constructor(draft: BookDraft, cluster: string, context: OrderContext) {
    this.#draft = draft;
    this.#cluster = cluster;
    this.#context = context;
  }

  run(order: RunOrder): void {
    const known = this.#draft.ofTask(order.taskId);
    const standalone = known.findLast((one) => one.cluster === STANDALONE);
    if (standalone !== undefined) {
      this.#handOver(standalone, order);
      return;
    }
    // The same attempt again, or a delayed older one.
    if (known.some((one) => one.attempt >= order.attempt)) return;
    for (const older of known) this.#supersede(older, order.attempt);
    for (const orphan of this.#context.findOrphans(order.taskId)) {
      if (orphan.attempt < order.attempt && this.#draft.find(orphan) === undefined) {
        this.#fence(orphan, 'stopped');
      }
    }
    const { spec } = order;
    this.#draft.put(
      newAttempt({ key: order, cluster: this.#cluster, spec, now: this.#context.now }),
    );
  }

  /**
   * A task that was given here directly is now ordered by the manager, under the same id. What
   * runs by the same spec is the same task, and goes on as the manager's. What has ended makes
   * room: the attempt has failed, and the next one is not in its way. What runs by another spec is
   * left alone; the manager orders again each time it connects.
   */
  #handOver(standalone: AttemptRecord, order: RunOrder): void {
    if (standalone.attempt !== order.attempt) return;
    const { restart: _, ...record } = standalone;
    const isEnded = record.observation.phase === 'ended';
    if (!isEnded && !isDeepStrictEqual(record.spec, order.spec)) return;
    const observation = isEnded ? usedBefore(order, this.#context.now) : record.observation;
    this.#draft.put({ ...record, spec: order.spec, cluster: this.#cluster, observation });
  }

  stop(key: StopOrder): void {
    const record = this.#draft.find(key);
    if (record === undefined) this.#fence(key, 'stopped', key.runtime);
    else if (record.desired === 'running' && record.cluster !== STANDALONE) {
      this.#draft.put({ ...record, desired: 'stopped' });
    }
  }

  forget(order: ForgetOrder): void {
    const key = { taskId: order.taskId, attempt: order.attempt };
    const record = this.#draft.find(key);
    if (record === undefined) this.#fence(key, 'forgotten');
    else if (record.desired !== 'forgotten' && record.cluster !== STANDALONE) {
      const volumes = order.dropVolumes === true ? { dropVolumes: true } : {};
      this.#draft.put({ ...record, ...volumes, desired: 'forgotten' });
    }
  }

  /** One attempt of a task at a time: the older one makes room. */
  #supersede(older: AttemptRecord, attempt: number): void {
    if (older.desired !== 'running' || older.observation.phase === 'ended') return;
    this.#draft.put({
      ...older,
      desired: 'stopped',
      stopReason: {
        code: 'stopped-by-user',
        message: `Stopped, since attempt ${attempt} of the same task replaces it here.`,
      },
    });
  }

  /** A record of an attempt that must not run, though nothing more is known of it here. */
  #fence(key: AttemptKey, desired: 'stopped' | 'forgotten', place?: RuntimeName): void {
    const orphan = this.#context.findOrphans(key.taskId).find((one) => one.attempt === key.attempt);
    const record = {
      taskId: key.taskId,
      attempt: key.attempt,
      cluster: this.#cluster,
      desired,
      createdAt: this.#context.now,
    };
    if (orphan !== undefined) {
      this.#draft.put({ ...record, runtime: orphan.runtime, observation: preparing(key) });
      return;
    }
    // A newer attempt is fence enough. The order has come late, and nobody waits for its outcome.
    if (this.#draft.ofTask(key.taskId).some(({ attempt }) => attempt > key.attempt)) return;
    if (place !== undefined && this.#context.hasRuntime(place)) {
      // It may run all the same, where nobody has been able to look yet: the runtime is asked.
      this.#draft.put({ ...record, runtime: place, observation: preparing(key) });
      return;
    }
    const isGone = desired === 'forgotten';
    this.#draft.put({
      ...record,
      ...(isGone ? { gone: true } : {}),
      observation: neverRan(key, this.#context.now),
    });
  }
}

function preparing(key: AttemptKey): Observation {
  return { taskId: key.taskId, attempt: key.attempt, phase: 'preparing' };
}

function usedBefore(key: AttemptKey, now: string): Observation {
  const message = 'A task given to this worker directly had the same id, and has ended.';
  return {
    taskId: key.taskId,
    attempt: key.attempt,
    phase: 'ended',
    ended: { reason: { code: 'start-failed', message }, finishedAt: now },
  };
}

function neverRan(key: AttemptKey, now: string): Observation {
  return {
    taskId: key.taskId,
    attempt: key.attempt,
    phase: 'ended',
    ended: {
      reason: { code: 'stopped-by-user', message: 'This worker knows of no such attempt.' },
      finishedAt: now,
    },
  };
}

/** What is kept of an attempt of which nothing is left: that it must not start again. */
export function goneRecord(record: AttemptRecord): Omit<AttemptRecord, 'sequence'> {
  const { taskId, attempt, cluster, runtime, createdAt } = record;
  return {
    taskId,
    attempt,
    cluster,
    ...(runtime === undefined ? {} : { runtime }),
    desired: 'forgotten',
    gone: true,
    observation: neverRan(record, createdAt),
    createdAt,
  };
}
