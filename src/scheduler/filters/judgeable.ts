import type { Rejection } from '../../task/placement.ts';
import type { Task } from '../../task/task.ts';
import type { NodeSnapshot } from '../scheduler.ts';
import { type Filter, type NodeCheck, noRejections } from './filter.ts';

/** The least capacity that can be meant: nothing smaller is ever promised. */
const CORES_MIN = 0.001;
const BYTES_MIN = 1;

/**
 * What a decision rests on has to be known: a node without a usable number for its cores or its
 * memory takes no task at all, and one without a usable number for its disk takes none that asks
 * for disk. Otherwise a missing number would be read as a very good or a very bad one.
 */
export const judgeableFilter: Filter = (task: Task): NodeCheck => {
  const asksForDisk = task.spec.disk !== undefined;
  return (candidate) => {
    const { capacity } = candidate.node;
    const { committed } = candidate;
    const isKnown =
      isUsable(capacity.cpu, CORES_MIN) &&
      isUsable(capacity.memory, BYTES_MIN) &&
      isAmount(committed.cpu) &&
      isAmount(committed.memory) &&
      (!asksForDisk || (isAmount(capacity.disk) && isAmount(committed.disk)));
    return isKnown ? noRejections : unknownAmounts(candidate, asksForDisk);
  };
};

function unknownAmounts(candidate: NodeSnapshot, asksForDisk: boolean): readonly Rejection[] {
  const { capacity } = candidate.node;
  const { committed } = candidate;
  const amounts: readonly (readonly [string, boolean, number])[] = [
    ['capacity in cores', isUsable(capacity.cpu, CORES_MIN), capacity.cpu],
    ['capacity of memory', isUsable(capacity.memory, BYTES_MIN), capacity.memory],
    ['capacity of disk', !asksForDisk || isAmount(capacity.disk), capacity.disk],
    ['number of promised cores', isAmount(committed.cpu), committed.cpu],
    ['amount of promised memory', isAmount(committed.memory), committed.memory],
    ['amount of promised disk', !asksForDisk || isAmount(committed.disk), committed.disk],
  ];
  return amounts
    .filter(([, isKnown]) => !isKnown)
    .map(([what, , value]) => ({
      code: 'not-judgeable',
      message: `cannot be judged: its ${what} is not known (${value})`,
      available: String(value),
    }));
}

function isAmount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function isUsable(capacity: number, min: number): boolean {
  return Number.isFinite(capacity) && capacity >= min;
}
