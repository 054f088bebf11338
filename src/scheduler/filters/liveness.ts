import type { Rejection } from '../../task/placement.ts';
import type { NodeSnapshot } from '../scheduler.ts';
import { clipSentence, type Filter, noRejections } from './filter.ts';

/** Only a node that is heard and is not being emptied gets new tasks. */
export const livenessFilter: Filter = () => checkLiveness;

function checkLiveness({ node }: NodeSnapshot): readonly Rejection[] {
  if (node.liveness === 'up' && !node.draining) return noRejections;
  const rejections: Rejection[] = [];
  if (node.liveness !== 'up') {
    const because =
      node.livenessReason === undefined ? '' : `: ${clipSentence(node.livenessReason)}`;
    rejections.push({
      code: 'not-up',
      message: `is ${node.liveness} since ${node.livenessSince}${because}`,
      needed: 'up',
      available: node.liveness,
    });
  }
  if (node.draining) {
    rejections.push({ code: 'draining', message: 'is draining and takes no new tasks' });
  }
  return rejections;
}
