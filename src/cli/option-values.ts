import { logLevels } from '../config/settings.ts';
import { schedulerNames } from '../scheduler/scheduler.ts';
import { storeKinds } from '../store/store.ts';

/** What options may be given whose values are few and fixed, for whoever presses tab. */
export const optionValues: Readonly<Record<string, readonly string[]>> = {
  '--runtime': ['docker', 'process'],
  '--pull': ['always', 'if-missing', 'never'],
  '--restart': ['never', 'on-failure', 'always'],
  '--on-node-lost': ['replace', 'wait'],
  '--scheduler': schedulerNames,
  '--store': storeKinds,
  '--log-level': logLevels,
};
