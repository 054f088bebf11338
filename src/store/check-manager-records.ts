import { CubeError, type InputIssue } from '../errors/cube-error.ts';
import { describeValue } from '../errors/describe-value.ts';
import { desiredStates, taskStates } from '../task/task-state.ts';
import type { StoredRecord } from './store.ts';

/** The records that a manager starts from. */
export interface RecordsToCheck {
  readonly tasks: readonly StoredRecord[];
  readonly nodes: readonly StoredRecord[];
  /** The newest event, and how the log is to lie below it. */
  readonly newest: StoredRecord | undefined;
  readonly eventCount: number;
  readonly floor: number;
}

/** More than these help nobody. */
const ISSUE_COUNT_MAX = 20;

/**
 * Sees to it that what is read fits together, before a manager acts on it. The store's checksums
 * find what a disk has changed; this finds what was written wrongly, by a bug or by hand. It looks
 * at each record once, so that a start stays fast.
 *
 * @throws CubeError `storage-damaged`, with an issue for each record that is wrong.
 */
export function checkManagerRecords(records: RecordsToCheck): void {
  const nodes = new Set(records.nodes.map(({ key }) => key));
  const issues = [
    ...logIssues(records),
    ...records.nodes.flatMap(nodeIssues),
    ...records.tasks.flatMap((record) => taskIssues(record, nodes)),
  ];
  const [first] = issues;
  if (first === undefined) return;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  throw new CubeError(
    'storage-damaged',
    `The manager's records do not fit together. ${first.field}: got ${first.got}, want ${first.want}${more}`,
    {
      issues: issues.slice(0, ISSUE_COUNT_MAX),
      hint: 'Nothing was changed. Put back a copy of the data directory, or move it away to begin anew.',
    },
  );
}

function logIssues({ newest, eventCount, floor }: RecordsToCheck): readonly InputIssue[] {
  if (newest === undefined) return [];
  const revision = fieldOf(newest.value, 'revision');
  const expected = Number(newest.key);
  if (revision !== expected) {
    return [issueOf(`events/${newest.key}`, 'revision', { got: revision, want: `${expected}` })];
  }
  const want = expected - floor;
  if (eventCount >= want) return [];
  const got = `${eventCount} events`;
  return [
    { field: 'events', got, want: `${want} without a gap, from ${floor + 1} to ${expected}` },
  ];
}

function nodeIssues({ key, value }: StoredRecord): readonly InputIssue[] {
  const place = `nodes/${key}`;
  const name = fieldOf(value, 'name');
  if (name !== key) return [issueOf(place, 'name', { got: name, want: `"${key}"` })];
  const address = fieldOf(value, 'address');
  if (typeof address === 'string' && isObject(fieldOf(value, 'capacity'))) return [];
  return [
    issueOf(place, 'address', { got: address, want: 'an address, with a capacity beside it' }),
  ];
}

function taskIssues({ key, value }: StoredRecord, nodes: ReadonlySet<string>): InputIssue[] {
  const place = `tasks/${key}`;
  const refuse = (field: string, got: unknown, want: string): InputIssue[] => [
    issueOf(place, field, { got, want }),
  ];
  const [spec, status] = [fieldOf(value, 'spec'), fieldOf(value, 'status')];
  if (fieldOf(value, 'id') !== key) return refuse('id', fieldOf(value, 'id'), `"${key}"`);
  if (!isObject(spec) || typeof spec['name'] !== 'string') return refuse('spec', spec, 'a spec');
  if (!isObject(status)) return refuse('status', status, 'a status');
  const [state, desired] = [status['state'], status['desired']];
  const [attempt, node] = [status['attempt'], status['node']];
  const isState = (taskStates as readonly unknown[]).includes(state);
  if (!isState) return refuse('status.state', state, `one of ${taskStates.join(', ')}`);
  const isDesired = (desiredStates as readonly unknown[]).includes(desired);
  if (!isDesired) return refuse('status.desired', desired, `one of ${desiredStates.join(', ')}`);
  if (!Number.isSafeInteger(attempt)) return refuse('status.attempt', attempt, 'a whole number');
  const created = fieldOf(value, 'createdRevision');
  if (!Number.isSafeInteger(created)) return refuse('createdRevision', created, 'a revision');
  const isOn = state === 'scheduled' || state === 'running';
  if (!isOn) return [];
  if (typeof node !== 'string' || !nodes.has(node)) {
    return refuse('status.node', node, 'a node that there is');
  }
  return Number(attempt) >= 1 ? [] : refuse('status.attempt', attempt, 'at least 1 once placed');
}

function issueOf(
  place: string,
  field: string,
  { got, want }: { readonly got: unknown; readonly want: string },
): InputIssue {
  return { field: `${place} ${field}`, got: describeValue(got, [field]), want };
}

function fieldOf(value: unknown, field: string): unknown {
  return isObject(value) ? value[field] : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
