import { isCubeError } from '../../errors/cube-error.ts';
import { sleep } from '../../lib/clock.ts';
import type { Manager } from '../../manager/manager.ts';
import { isFinal, isPlaced } from '../../task/task.ts';
import type { SimulatedCluster } from '../cluster/simulated-cluster.ts';
import type { Dice } from '../dice.ts';
import type { LogWatch } from '../invariants/log-watch.ts';
import type { Mix } from '../mix.ts';
import { CLIENT } from '../network/simulated-network.ts';

/** What may be told of a request that was not carried out, or perhaps was: it is made again. */
const retriedErrors = [
  'unreachable',
  'unavailable',
  'storage-full',
  'storage-failed',
  'storage-conflict',
];

const RETRY_MS = 1000;
/** How often a request is made while there is trouble. */
const TRY_COUNT_MAX = 5;

const origin = { requestId: 'steering' };

export interface SteeringClientsOptions {
  readonly cluster: SimulatedCluster;
  readonly log: LogWatch;
  readonly mix: Mix;
  readonly dice: Dice;
}

/** A restart that was answered with yes: a later attempt than this must follow. */
interface PromisedRestart {
  readonly taskId: string;
  readonly attempt: number;
}

/** Operators: they ask for restarts, and drain, resume and label nodes. */
export class SteeringClients {
  readonly violations: string[] = [];
  readonly counts = { restarted: 0, drained: 0, resumed: 0, labelled: 0 };
  readonly #options: SteeringClientsOptions;
  readonly #promised: PromisedRestart[] = [];
  /** Of the requests by which all trouble ends. */
  #openCount = 0;

  constructor(options: SteeringClientsOptions) {
    this.#options = options;
  }

  /** In one of four cases a request, of a kind drawn by chance. */
  request(): void {
    const { dice, log, cluster } = this.#options;
    if (!dice.chance(0.25)) return;
    const name = dice.pick([...cluster.machines.keys()]);
    // What is written is not known of yet; that something has followed shows that it is.
    const known = [...log.tasks.values()].filter((one) => one.revision > one.createdRevision);
    const tasks = known.map(({ id }) => id);
    const what = dice.random.next();
    if (what < 0.5 && tasks.length > 0) this.#run(this.#restart(dice.pick(tasks)));
    else if (what < 0.7) this.#run(this.#drain(name, TRY_COUNT_MAX));
    else if (what < 0.9) this.#run(this.#resume(name, TRY_COUNT_MAX));
    else this.#run(this.#label(name, dice.pick(['a', 'b', null])));
  }

  /** Every node takes tasks again, except perhaps one, which must become empty if it can. */
  endAll(): void {
    const { dice, cluster } = this.#options;
    const names = [...cluster.machines.keys()];
    const kept = names.length > 1 && dice.chance(0.4) ? dice.pick(names) : undefined;
    for (const name of names) {
      const act = name === kept ? this.#drain.bind(this) : this.#resume.bind(this);
      this.#openCount += 1;
      const request = act(name, Number.POSITIVE_INFINITY).finally(() => {
        this.#openCount -= 1;
      });
      this.#run(request);
    }
  }

  /** What was asked for, and is not so yet; nothing once all has settled. */
  unsettled(): readonly string[] {
    const { log } = this.#options;
    const open = this.#openCount === 0 ? [] : ['[quiesce] nodes are still being resumed'];
    const unkept = this.#promised.flatMap(({ taskId, attempt }) => {
      const task = log.tasks.get(taskId);
      const isOver = task === undefined || task.status.desired === 'stopped';
      if (isOver || task.status.attempt > attempt) return [];
      // It waits for a node; whether it should still is the question of another check.
      if (!isFinal(task) && !isPlaced(task)) return [];
      return [`[restart] ${taskId} is still at attempt ${attempt}, whose restart was acknowledged`];
    });
    return [...open, ...unkept];
  }

  #run(request: Promise<void>): void {
    request.catch((error: unknown) => {
      const isHonest = isCubeError(error) && retriedErrors.includes(error.code);
      if (isHonest) return;
      this.violations.push(`[honest-error] an operator was told: ${String(error)}`);
    });
  }

  async #restart(taskId: string): Promise<void> {
    const { log } = this.#options;
    const attempt = log.tasks.get(taskId)?.status.attempt;
    if (attempt === undefined) return;
    try {
      await this.#ask((manager) => manager.restartTask(taskId, origin), TRY_COUNT_MAX);
    } catch (error) {
      if (this.#mayRefuse(taskId, error)) return;
      throw error;
    }
    this.counts.restarted += 1;
    this.#promised.push({ taskId, attempt });
  }

  #mayRefuse(taskId: string, error: unknown): boolean {
    const task = this.#options.log.tasks.get(taskId);
    if (isCubeError(error, 'pruned')) return this.#options.log.prunedIds.has(taskId);
    if (isCubeError(error, 'not-found')) return task === undefined;
    const isOver = task?.status.desired === 'stopped' || task?.status.state === 'completed';
    // By the time that the answer comes it may even have been pruned.
    return isCubeError(error, 'conflict') && (task === undefined || isOver);
  }

  async #drain(name: string, tryCountMax: number): Promise<void> {
    await this.#steer(name, tryCountMax, true);
    this.counts.drained += 1;
  }

  async #resume(name: string, tryCountMax: number): Promise<void> {
    await this.#steer(name, tryCountMax, false);
    this.counts.resumed += 1;
  }

  async #steer(name: string, tryCountMax: number, isDrain: boolean): Promise<void> {
    const { log } = this.#options;
    const opposite = isDrain ? 'node-drain-ended' : 'node-drain-requested';
    await this.#askAboutNode(tryCountMax, async (manager) => {
      const before = log.events.length;
      if (isDrain) await manager.drainNode(name, origin);
      else await manager.resumeNode(name, origin);
      const isSo = (log.nodes.get(name)?.draining ?? false) === isDrain;
      const isUndone = log.events
        .slice(before)
        .some((event) => event.type === opposite && event.node === name);
      if (isSo || isUndone) return;
      const what = `the ${isDrain ? 'drain' : 'resumption'} of ${name}`;
      this.violations.push(`[ack-durable] ${what} was accepted and is not in the log`);
    });
  }

  async #label(name: string, zone: string | null): Promise<void> {
    await this.#askAboutNode(TRY_COUNT_MAX, async (manager) => {
      await manager.labelNode(name, { zone }, origin);
    });
    this.counts.labelled += 1;
  }

  /** The node may not have joined yet. */
  async #askAboutNode(
    tryCountMax: number,
    act: (manager: Manager) => Promise<void>,
  ): Promise<void> {
    try {
      await this.#ask(act, tryCountMax);
    } catch (error) {
      if (!isCubeError(error, 'not-found')) throw error;
    }
  }

  /** Asks until it is told what came of it. */
  async #ask(act: (manager: Manager) => Promise<unknown>, tryCountMax: number): Promise<void> {
    const { cluster } = this.#options;
    for (let tryCount = 1; ; tryCount += 1) {
      try {
        await cluster.askManager(CLIENT, act);
        return;
      } catch (error) {
        const isOpen = isCubeError(error) && retriedErrors.includes(error.code);
        if (!isOpen || tryCount >= tryCountMax) throw error;
      }
      await sleep(cluster.clock, RETRY_MS);
    }
  }
}
