import { type CubeError, isCubeError } from '../../errors/cube-error.ts';
import type { CubeEvent } from '../../event/event.ts';
import { PROTOCOL_VERSION } from '../../link/protocol.ts';
import type { Manager } from '../../manager/manager.ts';
import type { Task } from '../../task/task.ts';
import type { SimulatedCluster } from '../cluster/simulated-cluster.ts';
import type { Dice } from '../dice.ts';
import type { FaultKind } from '../faults/fault-kinds.ts';
import type { LogWatch } from '../invariants/log-watch.ts';
import type { Mix } from '../mix.ts';

const ORIGIN = 'refused';

/** Told when the request never got so far that it could be refused. */
const transportErrors = ['unreachable', 'unavailable'];

/** Told when what the refusal would rest on could not be made durable, and the fault behind it. */
const storageErrors: readonly (readonly [string, FaultKind])[] = [
  ['storage-full', 'manager-disk-full'],
  ['storage-failed', 'manager-disk-fails'],
  ['storage-conflict', 'manager-usurped'],
];

interface Refused {
  readonly what: string;
  /** The errors that say so. */
  readonly codes: readonly string[];
  readonly ask: (manager: Manager) => Promise<unknown>;
}

/**
 * Clients whose requests must all be refused: another spec under an id that is taken, a stop of
 * what never was, workers of another cluster or protocol. No event may ever speak of them.
 */
export class RefusedRequests {
  readonly violations: string[] = [];
  refusedCount = 0;
  readonly #cluster: SimulatedCluster;
  readonly #log: LogWatch;
  readonly #dice: Dice;
  /** The errors after which it is open whether the request would have been refused. */
  readonly #unjudged: readonly string[];
  /** Given the words of each refusal. */
  readonly #onTold: (words: string) => void;

  constructor(
    parts: {
      readonly cluster: SimulatedCluster;
      readonly log: LogWatch;
      readonly mix: Pick<Mix, 'faults'>;
      readonly dice: Dice;
    },
    onTold: (words: string) => void,
  ) {
    this.#cluster = parts.cluster;
    this.#log = parts.log;
    this.#dice = parts.dice;
    const mayStrike = storageErrors.filter(([, fault]) => parts.mix.faults.includes(fault));
    this.#unjudged = [...transportErrors, ...mayStrike.map(([code]) => code)];
    this.#onTold = onTold;
  }

  /** In one of ten cases a request, of a kind drawn by chance. */
  request(): void {
    if (!this.#dice.chance(0.1)) return;
    const tasks = [...this.#log.tasks.values()];
    const makers = [this.#stopOfNothing, this.#foreignWorker, this.#otherProtocol];
    const refused =
      tasks.length > 0 && this.#dice.chance(0.5)
        ? this.#otherSpec(this.#dice.pick(tasks))
        : this.#dice.pick(makers).call(this);
    void this.#ask(refused);
  }

  onEvent(event: CubeEvent): void {
    if (event.cause !== `request ${ORIGIN}` && event.correlationId !== ORIGIN) return;
    this.violations.push(
      `[whole-or-nothing] revision ${event.revision} (${event.type}) comes of a refused request`,
    );
  }

  async #ask({ what, codes, ask }: Refused): Promise<void> {
    try {
      await this.#cluster.askManager('client', ask);
      this.violations.push(`[whole-or-nothing] ${what} was not refused`);
    } catch (error) {
      this.#onTold(wordsOf(error));
      if (isCubeError(error) && this.#unjudged.includes(error.code)) return;
      this.refusedCount += 1;
      if (isCubeError(error) && codes.includes(error.code)) return;
      this.violations.push(`[honest-error] ${what} was answered: ${String(error)}`);
    }
  }

  #otherSpec({ id, spec }: Task): Refused {
    const other = this.#dice.chance(0.5)
      ? { ...spec, priority: 100 - spec.priority + 1 }
      : { ...spec, env: { ...spec.env, TOKEN: { secret: `not ${JSON.stringify(spec.env)}` } } };
    return {
      what: `another spec for task ${id}`,
      codes: ['conflict', 'pruned'],
      ask: (manager) => manager.submit({ id, spec: other }, { requestId: ORIGIN }),
    };
  }

  #stopOfNothing(): Refused {
    const id = this.#dice.random.uuid();
    return {
      what: `the stop of task ${id}, which never was`,
      codes: ['not-found'],
      ask: (manager) => manager.stopTask(id, { requestId: ORIGIN }),
    };
  }

  #foreignWorker(): Refused {
    const cluster = this.#dice.random.uuid();
    return {
      what: 'a worker of another cluster',
      codes: ['wrong-cluster'],
      ask: (manager) => manager.join({ ...this.#announcement(), cluster }),
    };
  }

  #otherProtocol(): Refused {
    return {
      what: 'a worker that speaks another protocol',
      codes: ['invalid-input'],
      ask: (manager) => manager.join({ ...this.#announcement(), protocol: PROTOCOL_VERSION + 1 }),
    };
  }

  #announcement(): Parameters<Manager['join']>[0] {
    const facts = {
      id: this.#dice.random.uuid(),
      name: 'stranger',
      address: 'http://stranger:5556',
      capacity: { cpu: 1000, memory: 1e15, disk: 1e15 },
      labels: {},
      runtimes: [],
      bindRoots: [],
      version: 'test',
    };
    return { protocol: PROTOCOL_VERSION, facts };
  }
}

function wordsOf(error: unknown): string {
  if (!isCubeError(error)) return String(error);
  const { message, hint, issues }: CubeError = error;
  return JSON.stringify({ message, hint, issues });
}
