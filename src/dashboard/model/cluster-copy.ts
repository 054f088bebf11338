import type { ReadonlySignal } from '@preact/signals';
import type { Connection } from '../../client/connection.ts';
import type { Moment } from '../../client/cube-client.ts';
import { requestJson } from '../../client/request.ts';
import type { NodeReply } from '../../link/replies.ts';
import { taskRowPageSchema, toTaskRow } from './task-row.ts';
import type { TaskTable } from './task-table.ts';

/** What the dashboard holds of the cluster: as it is, or as it was at one moment. */
export interface ClusterCopy {
  readonly tasks: TaskTable;
  readonly nodes: ReadonlySignal<readonly NodeReply[]>;
  /** The newest revision that is in it. */
  readonly revision: ReadonlySignal<number>;
  /** Whether every page of tasks has been read. */
  readonly isComplete: ReadonlySignal<boolean>;
}

/** The first page is small, so that something is to be seen at once. */
const FIRST_PAGE_SIZE = 100;
const PAGE_SIZE = 500;

/** A page of tasks that has been read, and where the next one begins. */
export interface ReadPage {
  readonly revision: number;
  readonly cursor: string | undefined;
}

/** Reads a page of tasks into a table. */
export async function readTaskPage(
  connection: Connection,
  table: TaskTable,
  options: {
    readonly at?: Moment | undefined;
    readonly cursor?: string | undefined;
    readonly signal: AbortSignal;
  },
): Promise<ReadPage> {
  const { at, cursor, signal } = options;
  const limit = cursor === undefined ? FIRST_PAGE_SIZE : PAGE_SIZE;
  const query: [string, string][] = [['limit', String(limit)]];
  if (cursor !== undefined) query.push(['cursor', cursor]);
  if (at !== undefined) query.push(['at', String(at)]);
  const request = { path: '/tasks', query, signal };
  const { value } = await requestJson(connection, request, taskRowPageSchema);
  table.add(value.items.map(toTaskRow));
  return { revision: value.revision, cursor: value.cursor };
}

/** Reads every further page after the first. */
export async function readOtherPages(
  connection: Connection,
  table: TaskTable,
  options: {
    readonly at?: number | undefined;
    readonly first: ReadPage;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  let { cursor } = options.first;
  while (cursor !== undefined) {
    const page: ReadPage = await readTaskPage(connection, table, { ...options, cursor });
    cursor = page.cursor;
  }
  table.settle();
}
