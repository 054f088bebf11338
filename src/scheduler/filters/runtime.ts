import type { Task } from '../../task/task.ts';
import { clipSentence, type Filter, type NodeCheck, noRejections } from './filter.ts';

/** The worker has to offer the runtime, and the runtime has to answer. */
export const runtimeFilter: Filter = (task: Task): NodeCheck => {
  const { runtime } = task.spec;
  return ({ node }) => {
    const fact = node.runtimes.find((one) => one.name === runtime);
    if (fact?.available === true) return noRejections;
    const message =
      fact === undefined
        ? `does not offer the runtime ${runtime}`
        : `its runtime ${runtime} is not available: ${clipSentence(fact.reason ?? 'no reason given')}`;
    return [{ code: 'runtime-missing', message, needed: runtime }];
  };
};
