import { randomUUID } from 'node:crypto';
import { systemClock, timestamp } from '../../src/lib/clock.ts';
import {
  type Announcement,
  type Assignments,
  PROTOCOL_VERSION,
  type StreamItem,
  type WorkerList,
} from '../../src/link/protocol.ts';
import type { WorkerLink } from '../../src/manager/worker-link.ts';
import type { NodeFacts } from '../../src/node/node.ts';

const GIB = 1024 ** 3;

/**
 * Workers that are only simulated: they take orders over a link without a network, and report of
 * each attempt at once that it runs. They hold to the protocol (sequences, acknowledgements,
 * heartbeats), but start nothing and keep nothing on a disk.
 */
export class SimulatedWorkers {
  readonly #workers = new Map<string, SimulatedWorker>();

  constructor(count: number) {
    for (let index = 0; index < count; index += 1) {
      const worker = new SimulatedWorker(index);
      this.#workers.set(worker.facts.address, worker);
    }
  }

  /** What each says when it joins. */
  *announcements(): Generator<Announcement> {
    for (const { facts } of this.#workers.values()) yield { protocol: PROTOCOL_VERSION, facts };
  }

  /** How many attempts run. */
  get runningCount(): number {
    let count = 0;
    for (const worker of this.#workers.values()) count += worker.runningCount;
    return count;
  }

  readonly link: WorkerLink = {
    assign: async (address, assignments) => this.#at(address).assign(assignments),
    list: async (address) => this.#at(address).list(),
    reports: (address, after, signal) => this.#at(address).reports(after, signal),
    // biome-ignore lint/correctness/useYield: what does not run writes nothing.
    logs: async function* () {
      return;
    },
    // biome-ignore lint/correctness/useYield: nor can anything be run in it.
    openSession: async function* () {
      return;
    },
    usage: async () => [],
  };

  #at(address: string): SimulatedWorker {
    const worker = this.#workers.get(address);
    if (worker === undefined) throw new Error(`There is no worker at ${address}.`);
    return worker;
  }
}

type Report = Extract<StreamItem, { readonly type: 'report' }>;

class SimulatedWorker {
  readonly facts: NodeFacts;
  readonly #running = new Set<string>();
  /** Not yet acknowledged, oldest first. */
  readonly #reports: Report[] = [];
  #sequence = 0;
  #heartbeatMs = 3000;
  #wake: () => void = () => undefined;

  constructor(index: number) {
    this.facts = {
      id: randomUUID(),
      name: `node-${String(index).padStart(5, '0')}`,
      // Where nobody listens, for the manager that is started on the data afterwards.
      address: `http://127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}:9`,
      capacity: { cpu: 64, memory: 256 * GIB, disk: 1024 * GIB },
      labels: { zone: `z${index % 10}` },
      runtimes: [{ name: 'docker', available: true, version: 'simulated' }],
      bindRoots: [],
      version: '0.1.0',
    };
  }

  get runningCount(): number {
    return this.#running.size;
  }

  assign({ run, stop, forget, acknowledged, heartbeatMs }: Assignments): void {
    if (heartbeatMs !== undefined) this.#heartbeatMs = heartbeatMs;
    const isKept = this.#reports.findIndex(({ sequence }) => sequence > acknowledged);
    this.#reports.splice(0, isKept < 0 ? this.#reports.length : isKept);
    for (const { taskId, attempt } of run) {
      const key = `${taskId}/${attempt}`;
      if (this.#running.has(key)) continue;
      this.#running.add(key);
      this.#sequence += 1;
      const startedAt = timestamp(systemClock);
      const observation = { taskId, attempt, phase: 'running', startedAt } as const;
      this.#reports.push({ type: 'report', sequence: this.#sequence, observation });
    }
    for (const { taskId, attempt } of [...stop, ...forget]) {
      throw new Error(`Nobody asked that ${taskId}/${attempt} ends.`);
    }
    this.#wake();
  }

  list(): WorkerList {
    const observations = [...this.#running].map((key) => {
      const [taskId = '', attempt = ''] = key.split('/');
      return { taskId, attempt: Number(attempt), phase: 'running' } as const;
    });
    return {
      protocol: PROTOCOL_VERSION,
      facts: this.facts,
      sequence: this.#sequence,
      observations,
      orphans: [],
    };
  }

  async *reports(after: number, signal: AbortSignal): AsyncGenerator<StreamItem> {
    let told = after;
    let isBeatDue = true;
    const wake = (): void => this.#wake();
    const timer = setInterval(() => {
      isBeatDue = true;
      wake();
    }, this.#heartbeatMs);
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted) {
        if (isBeatDue) {
          isBeatDue = false;
          yield this.#heartbeat();
        }
        for (let next = this.#after(told); next !== undefined; next = this.#after(told)) {
          told = next.sequence;
          yield next;
        }
        if (isBeatDue || this.#sequence > told || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearInterval(timer);
      signal.removeEventListener('abort', wake);
    }
  }

  /** The report that follows a sequence; they are without gaps. */
  #after(sequence: number): Report | undefined {
    const [first] = this.#reports;
    return first === undefined ? undefined : this.#reports[sequence + 1 - first.sequence];
  }

  #heartbeat(): StreamItem {
    const used = { cpu: 0.5, memory: GIB, disk: GIB };
    const time = timestamp(systemClock);
    const stats = { used, load: 0.5, taskCount: this.#running.size, time };
    return { type: 'heartbeat', stats, runtimes: this.facts.runtimes };
  }
}
