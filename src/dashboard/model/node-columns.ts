import type { NodeReply } from '../../link/replies.ts';
import { isEnded, type TaskRow } from './task-row.ts';

/** A node, or the place of those that wait, with the tasks that are to be seen there. */
export interface NodeColumn {
  /** Undefined for tasks that no node has. */
  readonly node: NodeReply | undefined;
  readonly name: string;
  readonly tasks: readonly TaskRow[];
}

/**
 * Which task stands where: on its node, or with those that wait. What has completed is left out
 * unless it is asked for; what has failed is always shown.
 */
export function toColumns(
  nodes: readonly NodeReply[],
  rows: readonly TaskRow[],
  { withCompleted }: { readonly withCompleted: boolean },
): { readonly waiting: NodeColumn; readonly columns: readonly NodeColumn[] } {
  const byNode = new Map<string, TaskRow[]>(nodes.map(({ name }) => [name, []]));
  const waiting: TaskRow[] = [];
  for (const row of rows) {
    if (row.status.state === 'completed' && !withCompleted) continue;
    const { node } = row.status;
    const place = node === undefined ? undefined : byNode.get(node);
    if (place !== undefined && row.status.state !== 'pending') place.push(row);
    else if (!isEnded(row.status) || row.status.state === 'failed' || withCompleted)
      waiting.push(row);
  }
  const columns = nodes.map((node) => ({
    node,
    name: node.name,
    tasks: byNode.get(node.name) ?? [],
  }));
  for (const tasks of [waiting, ...byNode.values()]) tasks.sort(byState);
  return { waiting: { node: undefined, name: 'Not on a node', tasks: waiting }, columns };
}

/** What needs looking at stands first. */
const rank = { failed: 0, pending: 1, scheduled: 2, running: 3, completed: 4 } as const;

function byState(a: TaskRow, b: TaskRow): number {
  return (
    rank[a.status.state] - rank[b.status.state] ||
    b.memory - a.memory ||
    a.createdRevision - b.createdRevision
  );
}

/** In all so many cubes are drawn, however large the cluster is. */
const CUBE_COUNT_MAX = 3000;

/** How many cubes each of so many nodes may show. */
export function cubesPerColumn(columnCount: number): number {
  return Math.max(8, Math.min(400, Math.floor(CUBE_COUNT_MAX / Math.max(1, columnCount))));
}

/** The most memory that a task on a node has: one that fits nowhere would dwarf all others. */
export function largestPlaced(rows: readonly TaskRow[]): number {
  return rows.reduce(
    (most, { memory, status }) => (status.node === undefined ? most : Math.max(most, memory)),
    0,
  );
}

/** The smallest is still large enough for a finger. */
const SIDE_MIN = 24;

/** The side of the largest of so many cubes, in pixels: many are drawn small, to be seen at once. */
export function largestSide(cubeCount: number): number {
  if (cubeCount <= 100) return 64;
  return cubeCount <= 400 ? 48 : 36;
}

/** A cube's side in pixels: its area grows with the memory, up to that of the largest. */
export function cubeSide(
  memory: number,
  largest: { readonly memory: number; readonly side: number },
): number {
  if (memory <= 0 || largest.memory <= 0) return SIDE_MIN;
  const share = Math.sqrt(Math.min(1, memory / largest.memory));
  return Math.round(SIDE_MIN + (largest.side - SIDE_MIN) * share);
}
