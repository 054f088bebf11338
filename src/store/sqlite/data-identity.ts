import { readFileSync } from 'node:fs';
import { writeFileDurably } from './durable-file.ts';
import { damagedError } from './storage-error.ts';

/** Whose data a file holds. */
const storeRoles = ['manager', 'worker'] as const;

export type StoreRole = (typeof storeRoles)[number];

/** Tells one data file from every other. Stands in the file and, once more, beside it. */
export interface DataIdentity {
  /** A UUID, drawn when the file was made. */
  readonly id: string;
  readonly role: StoreRole;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** Where the copy beside the data file is. */
export function identityPathOf(dataPath: string): string {
  return `${dataPath}.id`;
}

/**
 * What the file beside `dataPath` says that it should hold; undefined when there is no such file.
 * SQLite opens an empty or missing file as a new database: without this, lost data would look
 * like a fresh start.
 *
 * @throws CubeError `storage-damaged`, when that file cannot be understood.
 */
export function readIdentityBeside(dataPath: string): DataIdentity | undefined {
  const path = identityPathOf(dataPath);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw damagedError(path, 'it cannot be read', error);
  }
  const identity = parseIdentity(text);
  if (identity === undefined) throw damagedError(path, 'it is not the identity of a data file');
  return identity;
}

/** Writes the copy beside the data file. */
export function writeIdentityBeside(dataPath: string, identity: DataIdentity): void {
  writeFileDurably(identityPathOf(dataPath), `${JSON.stringify(identity)}\n`);
}

/** The identity in a JSON text, or undefined if it is none. */
export function parseIdentity(text: string): DataIdentity | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('id' in value && 'role' in value && 'createdAt' in value)) return undefined;
  const { id, createdAt } = value;
  const role = storeRoles.find((known) => known === value.role);
  if (typeof id !== 'string' || typeof createdAt !== 'string' || role === undefined) {
    return undefined;
  }
  return { id, role, createdAt };
}
