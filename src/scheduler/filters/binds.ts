import type { Rejection } from '../../task/placement.ts';
import type { Task } from '../../task/task.ts';
import { acceptEveryNode, clip, type Filter, type NodeCheck, noRejections } from './filter.ts';

/** How many of a node's roots a message names. */
const NAMED_ROOTS_MAX = 3;

/**
 * A host folder has to be one of the roots that the worker allows, or below one. Judged on the
 * paths as they are written: where a link leads is for the worker to see, which looks again.
 */
export const bindFilter: Filter = (task: Task): NodeCheck => {
  if (task.spec.binds.length === 0) return acceptEveryNode;
  const sources = [...new Set(task.spec.binds.map((bind) => bind.source))].map((text) => ({
    text,
    path: normalPath(text),
  }));
  return ({ node }) => {
    let rejections: Rejection[] | undefined;
    for (const { text, path } of sources) {
      if (node.bindRoots.some((root) => isWithin(path, normalPath(root)))) continue;
      rejections ??= [];
      rejections.push({
        code: 'bind-not-allowed',
        message: `needs the folder ${clip(text)}, but the node ${describeRoots(node.bindRoots)}`,
        needed: clip(text),
      });
    }
    return rejections ?? noRejections;
  };
};

function describeRoots(roots: readonly string[]): string {
  if (roots.length === 0) return 'allows no host folders';
  const named = roots.slice(0, NAMED_ROOTS_MAX).map((root) => clip(root, 80));
  const rest = roots.length - named.length;
  return `allows only folders below ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** The path with `/` at its end and no empty or `.` parts, or undefined if it may lead upwards. */
function normalPath(path: string): string | undefined {
  if (!path.startsWith('/')) return undefined;
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return undefined;
  return parts.length === 0 ? '/' : `/${parts.join('/')}/`;
}

function isWithin(path: string | undefined, root: string | undefined): boolean {
  return path !== undefined && root !== undefined && path.startsWith(root);
}
