import type { Rejection } from '../../task/placement.ts';
import type { Task } from '../../task/task.ts';
import { requestedPorts } from '../port-keys.ts';
import { acceptEveryNode, type Filter, type NodeCheck, noRejections } from './filter.ts';

/**
 * A host port is held by one task at a time. The address is not looked at: a port taken on one
 * address of a node counts as taken on all, since an address such as 0.0.0.0 covers the others.
 */
export const portFilter: Filter = (task: Task): NodeCheck => {
  const wanted = requestedPorts(task.spec);
  if (wanted.length === 0) return acceptEveryNode;
  return ({ ports }) => {
    if (ports.size === 0) return noRejections;
    let rejections: Rejection[] | undefined;
    for (const port of wanted) {
      if (!ports.has(port)) continue;
      rejections ??= [];
      rejections.push({
        code: 'port-taken',
        message: `needs port ${port}, but another task there holds it`,
        needed: port,
      });
    }
    return rejections ?? noRejections;
  };
};
