import { type ReadonlySignal, signal } from '@preact/signals';
import type { EventReply } from '../../client/event-stream.ts';
import { type Clock, sleep, systemClock } from '../../lib/clock.ts';
import type { ManagerStatusReply, NodeReply } from '../../link/replies.ts';
import { type ClusterCopy, type ReadPage, readOtherPages, readTaskPage } from './cluster-copy.ts';
import { EventTail } from './event-tail.ts';
import { untilVisible, type VisibleDocument, whileVisible } from './page-visibility.ts';
import type { Session } from './session.ts';
import { TaskTable } from './task-table.ts';

/** How a live copy is doing: it follows, or what it shows may be old. */
export type LinkState = 'live' | 'interrupted';

/** Measured use is in no event, so it is asked for every so many milliseconds. */
const POLL_MS = 5000;

/** A burst of changes of nodes is read once. */
const NODES_DELAY_MS = 250;

/**
 * The cluster as it is: read once, then kept up to date by the event stream from the revision of
 * what was read. Lives until it fails; then a new one takes its place.
 */
export class LiveCopy implements ClusterCopy {
  readonly tasks: TaskTable = new TaskTable();
  readonly tail: EventTail = new EventTail();
  readonly #session: Session;
  readonly #document: VisibleDocument;
  readonly #clock: Clock;
  readonly #nodes = signal<readonly NodeReply[]>([]);
  readonly #status: ReturnType<typeof signal<ManagerStatusReply>>;
  readonly #revision = signal(0);
  readonly #isComplete = signal(false);
  readonly #link = signal<LinkState>('live');
  readonly #listeners = new Set<(event: EventReply) => void>();
  #first: ReadPage | undefined;
  #areNodesOld = false;

  private constructor(session: Session, document: VisibleDocument, status: ManagerStatusReply) {
    this.#session = session;
    this.#document = document;
    this.#clock = systemClock;
    this.#status = signal(status);
  }

  /** Reads nodes and a first page of tasks. @throws CubeError */
  static async open(
    session: Session,
    document: VisibleDocument,
    stop: AbortSignal,
  ): Promise<LiveCopy> {
    const status = await session.client.status({ signal: stop });
    const copy = new LiveCopy(session, document, status);
    copy.#nodes.value = await session.client.nodes({ signal: stop });
    copy.#first = await readTaskPage(session.connection, copy.tasks, { signal: stop });
    copy.#revision.value = copy.#first.revision;
    return copy;
  }

  get nodes(): ReadonlySignal<readonly NodeReply[]> {
    return this.#nodes;
  }

  get status(): ReadonlySignal<ManagerStatusReply | undefined> {
    return this.#status;
  }

  get revision(): ReadonlySignal<number> {
    return this.#revision;
  }

  get isComplete(): ReadonlySignal<boolean> {
    return this.#isComplete;
  }

  get link(): ReadonlySignal<LinkState> {
    return this.#link;
  }

  /** Tells of each event from now on; gives a function that ends it. */
  listen(listener: (event: EventReply) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keeps the copy up to date. Never resolves. @throws CubeError, or the signal's reason. */
  async run(stop: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const inner = AbortSignal.any([stop, failed.signal]);
    try {
      await Promise.all([this.#readRest(inner), this.#follow(inner), this.#poll(inner)]);
    } finally {
      this.#link.value = 'interrupted';
      failed.abort();
    }
  }

  async #readRest(stop: AbortSignal): Promise<void> {
    const first = this.#first;
    if (first === undefined) return;
    const { connection } = this.#session;
    await readOtherPages(connection, this.tasks, { first, signal: stop });
    this.#isComplete.value = true;
  }

  async #follow(stop: AbortSignal): Promise<void> {
    while (true) {
      await untilVisible(this.#document, stop);
      const visible = whileVisible(this.#document, stop);
      try {
        const events = this.#session.client.events({
          after: this.#revision.value,
          signal: visible.signal,
          onInterrupted: () => {
            this.#link.value = 'interrupted';
          },
        });
        for await (const event of events) this.#take(event);
      } catch (error) {
        if (stop.aborted || !visible.signal.aborted) throw error;
      } finally {
        visible.release();
      }
    }
  }

  #take(event: EventReply): void {
    this.#link.value = 'live';
    this.#revision.value = event.revision;
    this.tasks.apply(event);
    this.tail.append(event);
    for (const listener of this.#listeners) listener(event);
    if (event.node !== undefined) this.#refreshNodes();
  }

  #refreshNodes(): void {
    if (this.#areNodesOld) return;
    this.#areNodesOld = true;
    this.#clock.setTimer(NODES_DELAY_MS, () => {
      this.#areNodesOld = false;
      // A failure shows in the next poll.
      this.#readNodes(new AbortController().signal).catch(() => undefined);
    });
  }

  async #readNodes(stop: AbortSignal): Promise<void> {
    this.#nodes.value = await this.#session.client.nodes({ signal: stop });
  }

  async #poll(stop: AbortSignal): Promise<void> {
    while (true) {
      await sleep(this.#clock, POLL_MS, stop);
      await untilVisible(this.#document, stop);
      try {
        await this.#readNodes(stop);
        this.#status.value = await this.#session.client.status({ signal: stop });
        this.#link.value = 'live';
      } catch {
        stop.throwIfAborted();
        this.#link.value = 'interrupted';
      }
    }
  }
}
