import { z } from 'zod';
import { CubeError } from '../errors/cube-error.ts';
import { attemptKeySchema, observationSchema } from '../link/protocol.ts';
import { runtimeNames, type TaskSpec, taskSpecSchema } from '../task/task-spec.ts';
import { reasonSchema, timestampSchema } from '../task/task-status.ts';
import type { Json, Put, RecordKey, Store, StoredRecord, Transaction } from './store.ts';

/** The cluster word of attempts that were given to a worker directly, without a manager. */
export const STANDALONE = 'standalone';

const attemptWishes = ['running', 'stopped', 'forgotten'] as const;

/** What a worker keeps of one attempt: what is to become of it, and what is known of it. */
const attemptRecordSchema = attemptKeySchema.extend({
  cluster: z.string().describe('The cluster it belongs to, or "standalone".'),
  runtime: z.enum(runtimeNames).optional().describe('Where its instance is or would be.'),
  spec: taskSpecSchema.optional().describe('Absent where only a stop of it was ever heard.'),
  desired: z.enum(attemptWishes),
  gone: z
    .boolean()
    .optional()
    .describe('Nothing is left of it; kept so that a late order cannot start it again.'),
  dropVolumes: z.boolean().optional().describe('Its anonymous volumes go with it.'),
  observation: observationSchema,
  sequence: z.int().min(0).describe('The sequence of its latest report.'),
  createdAt: timestampSchema,
  stopReason: reasonSchema.optional().describe('Why it was to stop, where it was not a wish.'),
  restart: z
    .object({
      count: z.int().min(0),
      recentCount: z.int().min(0),
      delayMs: z.number().min(0).optional().describe('Set while it waits for its next attempt.'),
    })
    .optional()
    .describe('Only for standalone tasks: their restarts are decided here.'),
});

export type AttemptRecord = Readonly<z.output<typeof attemptRecordSchema>>;

/** Whom the worker obeys, and how far its reports have been counted. */
const workerReignSchema = z.object({
  cluster: z.uuid().optional(),
  epoch: z.int().min(0),
  sequence: z.int().min(0),
});

export type WorkerReign = Readonly<z.output<typeof workerReignSchema>>;

const ATTEMPTS = 'attempts';
const REIGN: RecordKey = { collection: 'meta', key: 'identity' };

/** Specs that are remembered while records are read. */
const SPECS_MAX = 1024;

/** The key of an attempt's record. */
export function attemptKeyText(key: { readonly taskId: string; readonly attempt: number }): string {
  return `${key.taskId}/${key.attempt}`;
}

/**
 * Everything that a worker's store holds.
 *
 * @throws CubeError `storage-damaged`, when a record is not of the shape that was written.
 */
export async function loadWorkerState(store: Store): Promise<{
  readonly reign: WorkerReign;
  readonly attempts: readonly AttemptRecord[];
}> {
  const stored = await store.find(REIGN.collection, REIGN.key);
  const reign =
    stored === undefined
      ? { epoch: 0, sequence: 0 }
      : parseRecord(workerReignSchema, stored, REIGN.collection);
  const found: { readonly key: string; readonly attempt: AttemptRecord }[] = [];
  const specs = new Map<string, TaskSpec>();
  for await (const page of store.scan(ATTEMPTS)) {
    for (const { key, text, version } of page) {
      const value: Json = JSON.parse(text);
      found.push({ key, attempt: parseAttempt({ key, value, version }, specs) });
    }
  }
  found.sort((one, other) => (one.key < other.key ? -1 : 1));
  return { reign, attempts: found.map(({ attempt }) => attempt) };
}

/** Judges each spec once: those of many attempts are equal, and share what came of it. */
function parseAttempt(stored: StoredRecord, specs: Map<string, TaskSpec>): AttemptRecord {
  const { value } = stored;
  if (typeof value !== 'object' || value === null || !('spec' in value)) {
    return parseRecord(attemptRecordSchema, stored, ATTEMPTS);
  }
  const { spec, ...rest } = value;
  const text = JSON.stringify(spec);
  const known = specs.get(text);
  if (known !== undefined) {
    return {
      ...parseRecord(attemptRecordSchema, { ...stored, value: rest }, ATTEMPTS),
      spec: known,
    };
  }
  const record = parseRecord(attemptRecordSchema, stored, ATTEMPTS);
  if (specs.size < SPECS_MAX && record.spec !== undefined) specs.set(text, record.spec);
  return record;
}

/** The one transaction of a group of changes. */
export function toWorkerTransaction(changes: {
  readonly reign?: WorkerReign | undefined;
  readonly put: Iterable<AttemptRecord>;
  readonly remove: Iterable<string>;
}): Transaction {
  const put: Put[] = Array.from(changes.put, (record) => ({
    collection: ATTEMPTS,
    key: attemptKeyText(record),
    value: record satisfies Json,
  }));
  if (changes.reign !== undefined) put.push({ ...REIGN, value: changes.reign });
  const remove = Array.from(changes.remove, (key) => ({ collection: ATTEMPTS, key }));
  return { put, remove };
}

function parseRecord<Schema extends z.ZodType>(
  schema: Schema,
  stored: StoredRecord,
  collection: string,
): z.output<Schema> {
  const parsed = schema.safeParse(stored.value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CubeError(
    'storage-damaged',
    `The record ${collection}/${stored.key} is not what Cube writes: ` +
      `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unreadable'}.`,
    { hint: "Set the worker's data file aside; it is rebuilt from what runs and the manager." },
  );
}
