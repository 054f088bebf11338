import type { Assignments, StreamItem, WorkerList } from '../../link/protocol.ts';
import type { WorkerLink } from '../../manager/worker-link.ts';
import type { SimulatedMachine } from '../cluster/simulated-cluster.ts';
import { unreachable } from '../network/simulated-network.ts';
import { plain } from '../plain.ts';
import { ExploredStream } from './explored-stream.ts';
import type { InFlight } from './in-flight.ts';

export interface ExploredLinkOptions {
  readonly inFlight: InFlight;
  readonly machines: ReadonlyMap<string, SimulatedMachine>;
  /** The life of the manager whose link it is. */
  readonly owner: string;
}

/**
 * The link of one manager's life, on which every request, reply and report waits until it is
 * delivered. Requests outlive the manager that sent them; replies do not.
 */
export class ExploredLink implements WorkerLink {
  readonly #options: ExploredLinkOptions;

  constructor(options: ExploredLinkOptions) {
    this.#options = options;
  }

  assign(address: string, assignments: Assignments, signal: AbortSignal): Promise<void> {
    const orders = plain(assignments);
    const ask = (machine: SimulatedMachine): Promise<void> =>
      machine.life.serve(async () => await workerOf(machine).assign(plain(orders)));
    return this.#request('orders', { address, signal, orders }, ask);
  }

  list(address: string, signal: AbortSignal): Promise<WorkerList> {
    return this.#request('list', { address, signal }, (machine) =>
      machine.life.serve(async () => plain(workerOf(machine).list())),
    );
  }

  async *reports(
    address: string,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<StreamItem, void, undefined> {
    const { inFlight, owner } = this.#options;
    const { hostname } = new URL(address);
    const name = inFlight.name(`${owner} stream of ${hostname}`);
    const stream = new ExploredStream({ name, owner, inFlight, after });
    try {
      await this.#request('reports', { address, signal }, (machine) =>
        machine.life.serve(async () => stream.open(machine.life, workerOf(machine))),
      );
      yield* stream.items(signal);
    } finally {
      stream.close();
    }
  }

  async *logs(): AsyncGenerator<never> {
    // Nobody asks for output here.
  }

  async *openSession(): AsyncGenerator<never> {
    // Nor are commands run.
  }

  async usage(): Promise<readonly never[]> {
    return [];
  }

  #request<Reply>(
    what: string,
    request: {
      readonly address: string;
      readonly signal: AbortSignal;
      /** Only orders change something, so that only they are worth a second copy. */
      readonly orders?: Assignments;
    },
    ask: (machine: SimulatedMachine) => Promise<Reply>,
  ): Promise<Reply> {
    const { inFlight, owner, machines } = this.#options;
    const { signal, orders } = request;
    const { hostname } = new URL(request.address);
    const name = inFlight.name(`${owner} ${what} to ${hostname}`);
    const asked = async (): Promise<Reply> => {
      const machine = machines.get(hostname);
      if (machine === undefined) throw unreachable(hostname);
      return await ask(machine);
    };
    return new Promise((resolve, reject) => {
      const lose = (): void => reject(unreachable(hostname));
      const answer = (content: unknown, deliver: () => void): void =>
        inFlight.add({
          name: `reply to ${name}`,
          content,
          actor: 'manager',
          owner,
          kind: 'message',
          deliver,
          lose,
        });
      const late = (): void => void asked().catch(() => undefined);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      inFlight.add({
        name,
        content: orders,
        actor: hostname,
        kind: 'message',
        deliver: () => {
          asked().then(
            (reply) => answer(reply, () => resolve(reply)),
            (error: unknown) => answer(String(error), () => reject(error)),
          );
        },
        lose,
        ...(orders !== undefined
          ? {
              copy: () => ({
                name: `${name} again`,
                content: orders,
                actor: hostname,
                kind: 'late',
                deliver: late,
              }),
            }
          : {}),
      });
    });
  }
}

function workerOf({ name, worker }: SimulatedMachine): NonNullable<SimulatedMachine['worker']> {
  if (worker === undefined) throw unreachable(name);
  return worker;
}
