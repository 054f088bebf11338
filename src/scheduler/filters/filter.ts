import type { Rejection } from '../../task/placement.ts';
import type { Task } from '../../task/task.ts';
import type { NodeSnapshot } from '../scheduler.ts';

/**
 * One question about a node. It is asked in two steps, so that what depends on the task alone is
 * worked out once and not for each of many nodes.
 */
export type Filter = (task: Task) => NodeCheck;

/** Every reason of one filter against a node; `noRejections` when it has none. */
export type NodeCheck = (candidate: NodeSnapshot) => readonly Rejection[];

/** The answer of a check that has nothing against a node: one list for all, so that it is free. */
export const noRejections: readonly Rejection[] = Object.freeze([]);

/** A check for tasks that ask for nothing of the kind. */
export const acceptEveryNode: NodeCheck = () => noRejections;

/** A sentence as a part of another: cut to a length as by `clip`, without its full stop. */
export function clipSentence(text: string): string {
  return clip(text.replace(/\.$/, ''));
}

/** `text` cut to a length that a record can bear, whatever a worker or a user has written. */
export function clip(text: string, lengthMax = 200): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1).toWellFormed()}…`;
}
