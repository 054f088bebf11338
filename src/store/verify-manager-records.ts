import { CubeError } from '../errors/cube-error.ts';
import { checkManagerRecords } from './check-manager-records.ts';
import { managerCollections, revisionKey } from './collections.ts';
import type { Json, Store, StoredRecord } from './store.ts';

/** Whatever records are read from; it throws for a record that is not what was written. */
export type RecordSource = Pick<Store, 'list'>;

/** What was read, and found good. */
export interface VerifiedRecords {
  readonly cluster: string | undefined;
  readonly epoch: number;
  /** The newest event. */
  readonly revision: number;
  /** The oldest event is the one after this. */
  readonly floor: number;
  /** How many records were read, by collection. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Records of a page: few, since whoever serves meanwhile is held up by each. */
const PAGE = 500;

/**
 * Reads every record of a manager's data: that each is what was written, that the log has no gap,
 * and that tasks and nodes are such as a manager can start from. The data may change meanwhile.
 *
 * @throws CubeError `storage-damaged`, naming what is wrong.
 */
export async function verifyManagerRecords(source: RecordSource): Promise<VerifiedRecords> {
  const counts: Record<string, number> = {};
  for (const collection of managerCollections) counts[collection] = 0;
  const reign = await findMeta(source, 'reign');
  for await (const page of pages(source, 'meta')) count(counts, 'meta', page);
  const revision = await verifyLog(source, counts);
  for await (const page of pages(source, 'base')) count(counts, 'base', page);
  let nodes = await readNodes(source);
  for await (const tasks of pages(source, 'tasks')) {
    count(counts, 'tasks', tasks);
    try {
      check(tasks, nodes);
    } catch {
      // A node may have joined since.
      nodes = await readNodes(source);
      check(tasks, nodes);
    }
  }
  count(counts, 'nodes', nodes);
  return {
    cluster: textField(reign, 'cluster'),
    epoch: numberField(reign, 'epoch'),
    revision,
    floor: await readFloor(source),
    counts,
  };
}

/** Each event stands after the one before it. Returns the newest revision. */
async function verifyLog(source: RecordSource, counts: Record<string, number>): Promise<number> {
  let last = await readFloor(source);
  for await (const page of pages(source, 'events')) {
    count(counts, 'events', page);
    for (const { key, value } of page) {
      const revision = numberField(value, 'revision');
      if (revisionKey(revision) !== key) {
        throw damaged(`the event ${key} says that it is revision ${revision}`);
      }
      // Retention may have taken events away from below meanwhile, and then says so.
      if (revision !== last + 1 && (await readFloor(source)) < revision - 1) {
        throw damaged(`the events ${last + 1} to ${revision - 1} are missing`);
      }
      last = revision;
    }
  }
  return last;
}

function check(tasks: readonly StoredRecord[], nodes: readonly StoredRecord[]): void {
  checkManagerRecords({ tasks, nodes, newest: undefined, eventCount: 0, floor: 0 });
}

async function readNodes(source: RecordSource): Promise<readonly StoredRecord[]> {
  return (await Array.fromAsync(pages(source, 'nodes'))).flat();
}

async function readFloor(source: RecordSource): Promise<number> {
  return numberField(await findMeta(source, 'floor'), 'floor');
}

async function findMeta(source: RecordSource, key: string): Promise<Json | undefined> {
  const records = await source.list('meta');
  return records.find((record) => record.key === key)?.value;
}

async function* pages(
  source: RecordSource,
  collection: string,
): AsyncGenerator<readonly StoredRecord[]> {
  let after: string | undefined;
  do {
    const page: readonly StoredRecord[] = await source.list(collection, {
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    yield page;
    after = page.length === PAGE ? page.at(-1)?.key : undefined;
  } while (after !== undefined);
}

function count(
  counts: Record<string, number>,
  collection: string,
  page: readonly StoredRecord[],
): void {
  counts[collection] = (counts[collection] ?? 0) + page.length;
}

function numberField(value: Json | undefined, field: string): number {
  return Number(fieldOf(value, field) ?? 0);
}

function textField(value: Json | undefined, field: string): string | undefined {
  const found = fieldOf(value, field);
  return typeof found === 'string' ? found : undefined;
}

function fieldOf(value: Json | undefined, field: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
}

function damaged(found: string): CubeError {
  return new CubeError('storage-damaged', `The manager's records do not fit together: ${found}.`, {
    hint: 'Nothing was changed. Restore a backup, or move the data directory away to begin anew.',
  });
}
