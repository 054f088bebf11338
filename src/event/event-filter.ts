import type { CubeEvent, EventType } from './event.ts';

/** Which events somebody wants: those that fit every part that is given. */
export interface EventFilter {
  /** The id of a task. */
  readonly task?: string | undefined;
  /** The name of a node. */
  readonly node?: string | undefined;
  /** Any of these types. */
  readonly types?: readonly EventType[] | undefined;
}

export function isWanted(event: CubeEvent, { task, node, types }: EventFilter): boolean {
  return (
    (task === undefined || event.taskId === task) &&
    (node === undefined || event.node === node) &&
    (types === undefined || types.includes(event.type))
  );
}
