import type { CubeEvent, EventDraft } from '../event/event.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { Node } from '../node/node.ts';
import { revisionKey } from '../store/collections.ts';
import { encode, type ManagerRepository } from '../store/manager-repository.ts';
import type { Put, RecordKey } from '../store/store.ts';
import type { Task } from '../task/task.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Committer } from './committer.ts';
import { selectPrunable } from './judge-retention.ts';
import { finishedTasks, PRUNE_BATCH, pruneTasks } from './prune-tasks.ts';
import { foldInto } from './replay.ts';
import type { RetentionLimits } from './retention-limits.ts';

export interface RetentionLoopOptions {
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly repository: ManagerRepository;
  readonly limits: RetentionLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

const PASS_MS = 60_000;

const FIRST_PASS_MS = 1000;

/** A full log is cut somewhat below its limit, so that not every new event means a cut. */
const SLACK = 1.1;

/**
 * Removes finished tasks and old events, by age and count. What is pruned from the log is folded
 * into its base in the same transaction, so that any state the log still reaches can be computed.
 */
export class RetentionLoop {
  readonly #options: RetentionLoopOptions;
  readonly #loop: Loop;
  /** Wall time at the start; ages are measured from it by the monotonic clock, not by steps. */
  readonly #wallStartMs: number;
  readonly #monotonicStartMs: number;

  constructor(options: RetentionLoopOptions) {
    this.#options = options;
    this.#wallStartMs = options.clock.now();
    this.#monotonicStartMs = options.clock.monotonic();
    this.#loop = new Loop({
      name: 'retention',
      clock: options.clock,
      logger: options.logger,
      intervalMs: PASS_MS,
      pass: (signal) => this.#pass(signal),
    });
  }

  start(): void {
    // Not at once: whoever has waited for the manager has more urgent things to ask of it.
    this.#loop.nudgeAfter(FIRST_PASS_MS);
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** A task has ended for good: there may be one too many. */
  onFinished(): void {
    const { state, limits } = this.#options;
    if (state.finished.size > limits.finishedCountMax) this.#loop.nudge();
  }

  get #nowMs(): number {
    return this.#wallStartMs + (this.#options.clock.monotonic() - this.#monotonicStartMs);
  }

  async #pass(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.#pruneTasks())) {
      // Each round prunes one batch; the last one finds nothing more.
    }
    while (!signal.aborted && (await this.#pruneEvents())) {
      // Likewise.
    }
  }

  async #pruneTasks(): Promise<boolean> {
    const { state, committer, limits } = this.#options;
    const ids = selectPrunable(
      {
        finished: finishedTasks(state),
        finishedCount: state.finished.size,
        countMax: PRUNE_BATCH,
      },
      limits,
      this.#nowMs,
    );
    if (ids.length === 0) return false;
    await pruneTasks(ids, { state, committer, cause: 'retention' });
    return true;
  }

  async #pruneEvents(): Promise<boolean> {
    const { state, repository, committer, limits } = this.#options;
    const count = await repository.eventCount();
    const excess = count > limits.eventCountMax * SLACK ? count - limits.eventCountMax : 0;
    const page = await repository.events(state.floor, PRUNE_BATCH);
    const oldestMs = this.#nowMs - limits.eventAgeMs;
    const old = page.filter(
      (event, index) =>
        event.revision < state.revision && (index < excess || Date.parse(event.time) < oldestMs),
    );
    const prunable = contiguousFrom(old, state.floor + 1);
    const last = prunable.at(-1);
    // A lone event is not worth an event that tells of it.
    if (last === undefined || prunable.length < 2) return false;
    const base = await this.#foldIntoBase(prunable);
    const remove = prunable.map(({ revision }) => ({
      collection: 'events',
      key: revisionKey(revision),
    }));
    const put = { collection: 'meta', key: 'floor', value: { floor: last.revision } };
    await committer.commit(() => ({
      drafts: [prunedDraft(last.revision, prunable.length)],
      result: undefined,
      extra: { put: [...base.put, put], remove: [...base.remove, ...remove] },
    }));
    return prunable.length === PRUNE_BATCH;
  }

  async #foldIntoBase(
    events: readonly CubeEvent[],
  ): Promise<{ readonly put: readonly Put[]; readonly remove: readonly RecordKey[] }> {
    const { repository } = this.#options;
    const tasks = new Map<string, Task>();
    const nodes = new Map<string, Node>();
    const taskIds = new Set(events.flatMap(({ taskId }) => taskId ?? []));
    const nodeNames = new Set(
      events.flatMap(({ taskId, node }) => (taskId === undefined ? (node ?? []) : [])),
    );
    // Asked for together: one by one, each would be a wait for the store.
    await Promise.all([
      ...[...taskIds].map(async (id) => {
        const task = await repository.findBase<Task>(`task/${id}`);
        if (task !== undefined) tasks.set(id, task);
      }),
      ...[...nodeNames].map(async (name) => {
        const node = await repository.findBase<Node>(`node/${name}`);
        if (node !== undefined) nodes.set(name, node);
      }),
    ]);
    for (const event of events) foldInto({ tasks, nodes }, event);
    const put = [
      ...[...tasks.values()].map((task) => basePut(`task/${task.id}`, task)),
      ...[...nodes.values()].map((node) => basePut(`node/${node.name}`, node)),
    ];
    const gone = [...taskIds].filter((id) => !tasks.has(id));
    const remove = gone.map((id) => ({ collection: 'base', key: `task/${id}` }));
    return { put, remove };
  }
}

function contiguousFrom(events: readonly CubeEvent[], first: number): readonly CubeEvent[] {
  const end = events.findIndex((event, index) => event.revision !== first + index);
  return end === -1 ? events : events.slice(0, end);
}

function basePut(key: string, value: Task | Node): Put {
  return { collection: 'base', key, value: encode(value) };
}

function prunedDraft(floor: number, count: number): EventDraft {
  return {
    type: 'events-pruned',
    floor,
    cause: `retention of ${count} events`,
    correlationId: 'retention',
    actor: 'manager',
  };
}
