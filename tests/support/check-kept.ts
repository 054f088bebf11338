import { DataFile } from '../../src/store/sqlite/data-file.ts';
import { GroupWriter } from '../../src/store/sqlite/group-writer.ts';
import { SqliteEngine } from '../../src/store/sqlite/sqlite-engine.ts';
import { testCollections } from './store-files.ts';

/**
 * Opens the data file at `path`, in this thread, and says what it fails to promise: an
 * acknowledged transaction that is missing or altered, one that is kept by half, one kept though
 * an earlier call is not, or a store that takes no further write. Undefined when all is well.
 */
export function findBrokenPromise(
  path: string,
  acknowledged: Iterable<number>,
  options: { readonly isInOrder: boolean } = { isInOrder: true },
): string | undefined {
  try {
    const kept = open(path, (engine) => {
      const found = findKept(engine);
      engine.commit(oneMore());
      return found;
    });
    if (typeof kept === 'string') return kept;
    for (const index of acknowledged) {
      if (!kept.has(index)) return `transaction ${index} was acknowledged and is lost`;
    }
    if (options.isInOrder && kept.size > 0 && Math.max(...kept) !== kept.size - 1) {
      return `of the calls up to ${Math.max(...kept)} only ${kept.size} are kept`;
    }
    return open(path, (engine) => {
      const isThere = engine.find('tasks', ONE_MORE) !== undefined;
      return isThere ? undefined : 'the store took one more transaction and lost it';
    });
  } catch (error) {
    return `it does not open: ${error instanceof Error ? error.message : error}`;
  }
}

function open<Result>(path: string, use: (engine: SqliteEngine) => Result): Result {
  const file = DataFile.open({
    path,
    role: 'manager',
    collections: testCollections,
    synchronous: 'FULL',
  });
  try {
    return use(new SqliteEngine(file, testCollections));
  } finally {
    file.close();
  }
}

/** The transactions of `writeTask` that are there, or what is wrong with one of them. */
function findKept(engine: SqliteEngine): ReadonlySet<number> | string {
  const [tasks, events] = testCollections.map((name) => listAll(engine, name));
  const eventTexts = new Map<string, string>();
  for (let at = 0; at < (events?.length ?? 0); at += 2) {
    eventTexts.set(events?.[at] ?? '', events?.[at + 1] ?? '');
  }
  const kept = new Set<number>();
  for (let at = 0; at < (tasks?.length ?? 0); at += 2) {
    const key = tasks?.[at] ?? '';
    if (key === ONE_MORE) continue;
    const index = Number(key);
    const event = eventTexts.get(key);
    if (event === undefined) return `of transaction ${index} only the task is kept`;
    const task: { name?: unknown; note?: unknown } = JSON.parse(tasks?.[at + 1] ?? '');
    const isWhole = task.name === `task-${index}` && task.note === 'n'.repeat(index % 700);
    if (!isWhole || JSON.parse(event).index !== index) return `transaction ${index} is altered`;
    eventTexts.delete(key);
    kept.add(index);
  }
  const [half] = eventTexts.keys();
  return half === undefined ? kept : `of transaction ${Number(half)} only the event is kept`;
}

/** Key and text of each record in turn. */
function listAll(engine: SqliteEngine, collection: string): readonly string[] {
  const texts: string[] = [];
  for (let after: string | undefined; ; after = texts.at(-2)) {
    const page = engine.list(collection, { after, limit: 10_000, reverse: false });
    texts.push(...page.texts);
    if (page.versions.length < 10_000) return texts;
  }
}

/** The key of the record with which a store proves that it still takes changes. */
const ONE_MORE = 'one-more';

function oneMore() {
  const writer = new GroupWriter(testCollections);
  writer.add({ put: [{ collection: 'tasks', key: ONE_MORE, value: 1 }] });
  return writer.take();
}
