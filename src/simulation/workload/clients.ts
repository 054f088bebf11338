import { isCubeError } from '../../errors/cube-error.ts';
import { sleep } from '../../lib/clock.ts';
import type { Manager } from '../../manager/manager.ts';
import { isFinal, type Task } from '../../task/task.ts';
import { type TaskSpec, taskSpecSchema } from '../../task/task-spec.ts';
import type { SimulatedCluster } from '../cluster/simulated-cluster.ts';
import type { Dice } from '../dice.ts';
import type { LogWatch } from '../invariants/log-watch.ts';
import type { WorldWatch } from '../invariants/world-watch.ts';
import { RequestHistory } from '../linearizability/request-history.ts';
import type { Mix } from '../mix.ts';
import { isSamePlain } from '../plain.ts';
import type { Situations } from '../situations.ts';
import { drawSpec } from './draw-spec.ts';

/** What a client may be told when its request was not carried out, or perhaps was. */
const honestErrors = [
  'unreachable',
  'unavailable',
  'storage-full',
  'storage-failed',
  'storage-conflict',
  'pruned',
];

const origin = { requestId: 'client' };

export interface ClientsOptions {
  readonly cluster: SimulatedCluster;
  readonly log: LogWatch;
  readonly world: WorldWatch;
  readonly mix: Mix;
  readonly dice: Dice;
  readonly situations: Situations;
}

/**
 * People and programs that submit, submit again, stop, list and follow. Each holds what it is
 * told against the log as it is on the disk at that very moment.
 */
export class Clients {
  readonly violations: string[] = [];
  /** Submissions that were answered with yes. */
  readonly accepted = new Set<string>();
  readonly counts = { submitted: 0, stopped: 0, listed: 0, read: 0, refused: 0, followed: 0 };
  /** What was asked about each task, and what the clients were told. */
  readonly requests: RequestHistory;
  readonly #options: ClientsOptions;
  readonly #specs = new Map<string, TaskSpec>();
  #cursor = 0;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.requests = new RequestHistory({ isRepeating: options.mix.weather.repeat > 0 });
  }

  /** One request of a kind drawn by chance. */
  request(): void {
    const { dice, mix } = this.#options;
    const ids = [...this.#specs.keys()];
    const what = dice.random.next();
    if (what < 0.5 && ids.length < mix.taskCount) this.#run(this.#submitNew());
    else if (ids.length === 0) return;
    else if (what < 0.7) this.#run(this.#submitAgain(dice.pick(ids)));
    else if (what < 0.85) this.#run(this.#stopAndLook(dice.pick(ids)));
    else this.#run(this.#list());
  }

  /** Reads along with the log of a manager until that ends. */
  follow(manager: Manager, signal: AbortSignal): void {
    this.#run(this.#follow(manager, signal));
  }

  /** Everything that may still go on is stopped. */
  stopAll(): void {
    for (const id of this.#specs.keys()) this.#run(this.#stop(id));
  }

  #run(request: Promise<void>): void {
    request.catch((error: unknown) => {
      this.counts.refused += 1;
      if (isCubeError(error) && honestErrors.includes(error.code)) return;
      this.violations.push(`[honest-error] a client was told: ${String(error)}`);
    });
  }

  async #submitNew(): Promise<void> {
    const { dice, mix, world } = this.#options;
    const id = dice.random.uuid();
    const spec = taskSpecSchema.parse(drawSpec(dice, mix));
    this.#specs.set(id, spec);
    if (spec.onNodeLost === 'wait') world.atMostOnce.add(id);
    await this.#submit(id);
  }

  async #submitAgain(id: string): Promise<void> {
    const { situations, log } = this.#options;
    const wasPruned = log.prunedIds.has(id);
    try {
      await this.#submit(id);
      if (!wasPruned) situations.count('a submission was repeated');
    } catch (error) {
      if (isCubeError(error, 'pruned')) {
        situations.count('a submission of a pruned task was refused');
      }
      throw error;
    }
  }

  async #submit(id: string): Promise<void> {
    const { dice } = this.#options;
    const spec = this.#specs.get(id);
    if (spec === undefined) return;
    // Now and then twice at the same time, as by an impatient client.
    if (dice.chance(0.2)) this.#run(this.#submitOnce(id, spec));
    await this.#submitOnce(id, spec);
    this.counts.submitted += 1;
    this.accepted.add(id);
  }

  async #submitOnce(id: string, spec: TaskSpec): Promise<void> {
    const { cluster, log } = this.#options;
    const ask = async (one: Manager): ReturnType<Manager['submit']> => {
      const reply = await one.submit({ id, spec }, origin);
      this.#checkReply(reply.task);
      // As it is sent, not when it arrives: the disk may have caught up by then.
      if (!log.tasks.has(id) && !log.prunedIds.has(id)) {
        this.violations.push(`[ack-durable] task ${id} was accepted and is not in the log`);
      }
      return reply;
    };
    await this.requests.submit(id, () => cluster.askManager('client', ask));
  }

  /** Looks at the task while it is being stopped, and again when that is acknowledged. */
  async #stopAndLook(id: string): Promise<void> {
    this.#run(this.#read(id));
    await this.#stop(id);
    await this.#read(id);
  }

  async #stop(id: string): Promise<void> {
    const { cluster, log } = this.#options;
    const wasAccepted = this.accepted.has(id);
    const before = log.events.length;
    try {
      const ask = async (one: Manager): Promise<Task> => (await one.stopTask(id, origin)).task;
      this.#checkReply(await this.requests.stop(id, () => cluster.askManager('client', ask)));
    } catch (error) {
      if (isCubeError(error, 'not-found') && (!wasAccepted || log.prunedIds.has(id))) return;
      throw error;
    }
    this.counts.stopped += 1;
    const task = log.tasks.get(id);
    if (task === undefined || task.status.desired === 'stopped' || isFinal(task)) return;
    // What had failed for good needs no stop, and an operator may restart it afterwards.
    const isRestarted = log.events
      .slice(before)
      .some(({ taskId, type }) => taskId === id && type === 'task-restart-requested');
    if (isRestarted) return;
    this.violations.push(`[ack-durable] the stop of ${id} was accepted and is not in the log`);
  }

  async #read(id: string): Promise<void> {
    const { cluster, log } = this.#options;
    const wasAccepted = this.accepted.has(id);
    const ask = async (one: Manager): Promise<Task> => (await one.getTask(id)).task;
    try {
      this.#checkReply(await this.requests.read(id, () => cluster.askManager('client', ask)));
    } catch (error) {
      if (isCubeError(error, 'not-found') && (!wasAccepted || log.prunedIds.has(id))) return;
      throw error;
    }
    this.counts.read += 1;
  }

  /** Page by page, all that was accepted before is there once. */
  async #list(): Promise<void> {
    const { cluster, log } = this.#options;
    const before = [...this.accepted];
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const query = { limit: 5, ...(cursor === undefined ? {} : { cursor }) };
      const page = await this.requests.readPage(
        () => cluster.askManager('client', async (one) => await one.listTasks(query)),
        ({ items }) => items.map(({ task }) => task),
      );
      for (const { task } of page.items) {
        if (seen.has(task.id)) this.violations.push(`[page] task ${task.id} was listed twice`);
        seen.add(task.id);
        this.#checkReply(task);
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
    this.counts.listed += 1;
    for (const id of before) {
      if (seen.has(id) || log.prunedIds.has(id)) continue;
      this.violations.push(`[page] task ${id} was accepted and is not listed`);
    }
  }

  /** Nothing in a reply may be ahead of the disk, or other than what is on it. */
  #checkReply(task: Task): void {
    const { log } = this.#options;
    const stored = log.tasks.get(task.id);
    if (task.revision > log.events.length) {
      this.violations.push(`[no-phantom] a reply speaks of revision ${task.revision}`);
    } else if (stored?.revision === task.revision && !isSamePlain(task, stored)) {
      this.violations.push(`[state-is-fold] a reply shows task ${task.id} otherwise than the log`);
    }
  }

  async #follow(manager: Manager, signal: AbortSignal): Promise<void> {
    const { log, cluster, dice } = this.#options;
    let cursor = this.#cursor;
    try {
      for await (const event of manager.events(cursor, signal)) {
        if (event.revision !== cursor + 1) {
          this.violations.push(`[stream] ${event.revision} came after ${cursor}`);
        }
        if (!isSamePlain(event, log.events[event.revision - 1])) {
          this.violations.push(`[no-phantom] revision ${event.revision} is not so on the disk`);
        }
        cursor = event.revision;
        this.#cursor = cursor;
        this.counts.followed += 1;
        // Now and then a reader is slow, and the log is shortened before it comes back.
        if (dice.chance(0.03)) await sleep(cluster.clock, dice.between(0, 60_000));
      }
    } catch (error) {
      if (!isCubeError(error, 'pruned')) throw error;
      this.#options.situations.count('a follower lagged behind what is kept of the log');
      // Whoever lags too far behind lists anew and goes on from there.
      this.#cursor = log.events.length;
      await this.#follow(manager, signal);
    }
  }
}
