import { z } from 'zod';
import { durationField, durationMs } from './spec-fields.ts';

const policies = ['never', 'on-failure', 'always'] as const;

const POLICY_WANTED = 'never, on-failure or always';
const ATTEMPTS_WANTED = 'a whole number from 0 to 10000';

const DEFAULTS = { window: '10m', delay: '1s', delayMax: '5m' } as const;

const fullPolicy = z.strictObject(
  {
    policy: z.enum(policies, POLICY_WANTED).default('on-failure'),
    attempts: z
      .int(ATTEMPTS_WANTED)
      .min(0, ATTEMPTS_WANTED)
      .max(10_000, ATTEMPTS_WANTED)
      .optional()
      .describe('Restarts allowed within `window`. Default: no limit.'),
    window: durationField({ minMs: 1000, maxMs: 30 * 86_400_000 })
      .default(DEFAULTS.window)
      .describe('A task that ran this long has its delay and count begin anew.'),
    delay: durationField({ minMs: 0, maxMs: 86_400_000 })
      .default(DEFAULTS.delay)
      .describe('Wait before the first restart; doubles with each, with jitter.'),
    delayMax: durationField({ minMs: 0, maxMs: 86_400_000 })
      .default(DEFAULTS.delayMax)
      .describe('The longest wait.'),
  },
  `${POLICY_WANTED}, or an object with "policy"`,
);

/** What to do when a task ends: a word, or an object with limits. */
export const restartPolicySchema = z
  .preprocess((value) => (typeof value === 'string' ? { policy: value } : value), fullPolicy)
  .superRefine((restart, context) => {
    if (durationMs(restart.delay) > durationMs(restart.delayMax)) {
      context.addIssue({
        code: 'custom',
        path: ['delay'],
        message: `at most delayMax, which is ${restart.delayMax}`,
      });
    }
  })
  .default({ policy: 'on-failure', ...DEFAULTS })
  .meta({ id: 'RestartPolicy' });

export type RestartPolicy = Readonly<z.output<typeof restartPolicySchema>>;
