import type { CubeError } from '../errors/cube-error.ts';
import type { CubeEvent } from '../event/event.ts';
import { assert } from '../lib/assert.ts';
import type { Node } from '../node/node.ts';
import type { Task } from '../task/task.ts';
import { checkManagerRecords } from './check-manager-records.ts';
import { revisionKey } from './collections.ts';
import type {
  Json,
  Put,
  RecordKey,
  RecordText,
  Store,
  StoredRecord,
  Transaction,
} from './store.ts';
import { TaskParser } from './task-parser.ts';

/** Who rules the store, and of which cluster it is. */
export interface Reign {
  readonly cluster: string;
  /** Grows by one each time a manager starts on the store. */
  readonly epoch: number;
}

/** The state that survives a manager: what `loadManagerState` reads at start. */
export interface StoredManagerState {
  readonly reign: Reign | undefined;
  readonly floor: number;
  readonly revision: number;
  /** In the order in which they were submitted. */
  readonly tasks: readonly Task[];
  readonly nodes: readonly Node[];
  /** Ids of tasks that were pruned, as far as they are kept, oldest first. */
  readonly prunedIds: readonly string[];
  /** Attempts are numbered from above this on; 0 unless the data were restored from a backup. */
  readonly attemptFloor: number;
}

/** One group of changes of the manager's state. */
export interface ManagerChanges {
  readonly events: readonly CubeEvent[];
  readonly tasks: readonly Task[];
  readonly nodes: readonly Node[];
  readonly removedTaskIds: readonly string[];
  /** Records of `base` and `meta`, and removals, that go with the events. */
  readonly extra?: Pick<Transaction, 'put' | 'remove'>;
}

const PAGE = 10_000;

/** Records of `base` that say that a task was pruned; its id follows. */
const PRUNED = 'pruned/';

interface PrunedMark {
  /** The newest durable revision when that was decided. */
  readonly after: number;
}

/** The record that a task of this id was there, so that nobody takes another one for it. */
export function prunedMark(taskId: string, after: number): Put {
  return { collection: 'base', key: `${PRUNED}${taskId}`, value: encode({ after }) };
}

/** The key of that record. */
export function prunedMarkKey(taskId: string): RecordKey {
  return { collection: 'base', key: `${PRUNED}${taskId}` };
}

/**
 * The manager's records as typed values. Only this file writes them and the store keeps a checksum
 * of each, so that beyond what `checkManagerRecords` looks at they are trusted when read back.
 */
export class ManagerRepository {
  readonly #store: Store;
  #reignVersion = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  get kind(): string {
    return this.#store.kind;
  }

  sizeBytes(): Promise<number> {
    return this.#store.sizeBytes();
  }

  /** Why new tasks should not be taken now; undefined while there is room for them. */
  get shortage(): CubeError | undefined {
    return this.#store.shortage;
  }

  /** Whether `shortage` tells of room also while nothing is written. */
  get watchesRoom(): boolean {
    return this.#store.watchesRoom;
  }

  /**
   * Everything that a manager keeps in memory, once it was seen to fit together. What another manager writes meanwhile may be in it
   * in part; its events are then newer than `revision`, which `beginReign` finds out.
   *
   * @throws CubeError `storage-damaged`, when records do not fit together.
   */
  async load(): Promise<StoredManagerState> {
    const reign = await this.#store.find('meta', 'reign');
    this.#reignVersion = reign?.version ?? 0;
    const newest = await this.#store.list('events', { reverse: true, limit: 1 });
    const floor = await this.#store.find('meta', 'floor');
    const parser = new TaskParser();
    const taskRecords = await this.#scan('tasks', (record) => parser.parse(record));
    const nodeRecords = await this.#scan('nodes', ({ text }) => JSON.parse(text));
    const eventCount = await this.#store.count('events');
    const stillFloor = await this.#store.find('meta', 'floor');
    checkManagerRecords({
      tasks: taskRecords,
      nodes: nodeRecords,
      newest: newest[0],
      // Where another manager has pruned meanwhile, the count says nothing; its reign is found out.
      eventCount: stillFloor?.version === floor?.version ? eventCount : Number.POSITIVE_INFINITY,
      floor: floor === undefined ? 0 : decode<{ floor: number }>(floor).floor,
    });
    const tasks = taskRecords.map(decode<Task>);
    tasks.sort((a, b) => a.createdRevision - b.createdRevision);
    return {
      reign: reign === undefined ? undefined : decode<Reign>(reign),
      floor: floor === undefined ? 0 : decode<{ floor: number }>(floor).floor,
      revision: newest[0] === undefined ? 0 : decode<CubeEvent>(newest[0]).revision,
      tasks,
      nodes: nodeRecords.map(decode<Node>),
      prunedIds: await this.#prunedIds(),
      attemptFloor: await this.#attemptFloor(),
    };
  }

  /**
   * Begins a reign: from here on only this repository can write, since every later write of an
   * earlier one fails with `storage-conflict`. The changes begin with the revision that follows
   * what was loaded.
   *
   * @throws CubeError `storage-conflict`, when another manager has written since `load`.
   */
  async beginReign(reign: Reign, changes: ManagerChanges): Promise<void> {
    const write = toTransaction(changes);
    const unwritten = changes.events.map(({ revision }) => ({
      collection: 'events',
      key: revisionKey(revision),
      version: 0,
    }));
    await this.#store.transact({
      compare: [{ collection: 'meta', key: 'reign', version: this.#reignVersion }, ...unwritten],
      put: [{ collection: 'meta', key: 'reign', value: encode(reign) }, ...(write.put ?? [])],
      remove: write.remove ?? [],
    });
    this.#reignVersion += 1;
  }

  /** Makes the changes durable, together, unless another manager has begun its reign. */
  async save(changes: ManagerChanges): Promise<void> {
    assert(this.#reignVersion > 0, 'a reign has begun before anything is saved');
    await this.#store.transact({
      ...toTransaction(changes),
      compare: [{ collection: 'meta', key: 'reign', version: this.#reignVersion }],
    });
  }

  /** Events with a revision above `after`, oldest first. */
  async events(after: number, limit: number): Promise<readonly CubeEvent[]> {
    const records = await this.#store.list('events', { after: revisionKey(after), limit });
    return records.map(decode<CubeEvent>);
  }

  async findEvent(revision: number): Promise<CubeEvent | undefined> {
    const record = await this.#store.find('events', revisionKey(revision));
    return record === undefined ? undefined : decode<CubeEvent>(record);
  }

  eventCount(): Promise<number> {
    return this.#store.count('events');
  }

  /** The state as of the floor: the fold of all events that were pruned. */
  async base(): Promise<{ readonly tasks: readonly Task[]; readonly nodes: readonly Node[] }> {
    const records = await this.#allRecords('base', '');
    const below = <Value>(prefix: string): Value[] =>
      records.filter((record) => record.key.startsWith(prefix)).map(decode<Value>);
    return { tasks: below<Task>('task/'), nodes: below<Node>('node/') };
  }

  async findBase<Value extends Task | Node>(key: string): Promise<Value | undefined> {
    const record = await this.#store.find('base', key);
    return record === undefined ? undefined : decode<Value>(record);
  }

  async #attemptFloor(): Promise<number> {
    const record = await this.#store.find('meta', 'restored');
    return record === undefined ? 0 : decode<{ attemptFloor: number }>(record).attemptFloor;
  }

  async #prunedIds(): Promise<string[]> {
    const records = await this.#allRecords('base', PRUNED);
    return records
      .map((record) => ({ id: record.key.slice(PRUNED.length), ...decode<PrunedMark>(record) }))
      .sort((a, b) => a.after - b.after)
      .map(({ id }) => id);
  }

  /** All records of a collection, in no certain order. */
  async #scan(collection: string, parse: (record: RecordText) => Json): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    for await (const page of this.#store.scan(collection)) {
      for (const record of page) {
        records.push({ key: record.key, value: parse(record), version: record.version });
      }
    }
    return records;
  }

  /** All records whose keys begin with the prefix. */
  async #allRecords(collection: string, prefix: string): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    for (;;) {
      const page = await this.#store.list(collection, {
        limit: PAGE,
        after: records.at(-1)?.key ?? prefix,
      });
      for (const record of page) {
        if (!record.key.startsWith(prefix)) return records;
        records.push(record);
      }
      if (page.length < PAGE) return records;
    }
  }
}

/** The puts that keep `events` in the log. */
function toTransaction(changes: ManagerChanges): Transaction {
  const put: Put[] = [
    ...changes.events.map((event) => ({
      collection: 'events',
      key: revisionKey(event.revision),
      value: encode(event),
    })),
    ...changes.tasks.map((task) => ({ collection: 'tasks', key: task.id, value: encode(task) })),
    ...changes.nodes.map((node) => ({ collection: 'nodes', key: node.name, value: encode(node) })),
    ...(changes.extra?.put ?? []),
  ];
  const remove: RecordKey[] = [
    ...changes.removedTaskIds.map((id) => ({ collection: 'tasks', key: id })),
    ...(changes.extra?.remove ?? []),
  ];
  return { put, remove };
}

/** Domain values are JSON by construction; the type system cannot say so of interfaces. */
export function encode(value: object): Json {
  return value as Json;
}

function decode<Value>(record: StoredRecord): Value {
  return Object.freeze(record.value) as Value;
}
