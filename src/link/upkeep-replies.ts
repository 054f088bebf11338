import { z } from 'zod';
import { parseDurationMs } from '../task/quantity.ts';
import { taskStates } from '../task/task-state.ts';
import { timestampSchema } from '../task/task-status.ts';

/** What operators ask of the manager's data, and the answers. */

const OLDER_WANTED = 'a duration such as 30m, 12h or 7d';

/** Which finished tasks to remove: POST /prune. Without any filter, all of them. */
export const pruneRequestSchema = z
  .lazy(() =>
    z.strictObject({
      states: z
        .array(z.enum(taskStates, `one of ${taskStates.join(', ')}`))
        .min(1)
        .max(10)
        .optional()
        .describe('Only those that ended in one of these states.'),
      name: z.string().min(1).max(63).optional(),
      node: z.string().min(1).max(63).optional(),
      labels: z
        .record(z.string().max(63), z.string().max(5000))
        .optional()
        .describe('Every label must be there with this value.'),
      olderThan: z
        .string(OLDER_WANTED)
        .max(100)
        .refine((text) => parseDurationMs(text) !== undefined, OLDER_WANTED)
        .optional()
        .describe('Only those that ended at least so long ago.'),
      dryRun: z
        .boolean()
        .default(false)
        .describe('Tell what would be removed, and remove nothing.'),
    }),
  )
  .meta({ id: 'PruneRequest' });

export type PruneInput = Readonly<z.input<typeof pruneRequestSchema>>;

/** What was removed, or would be. */
export const pruneReplySchema = z
  .lazy(() =>
    z.object({
      count: z.int().min(0),
      bytes: z
        .int()
        .min(0)
        .describe('What their records took in the data file, without the events.'),
      items: z
        .array(
          z.object({
            id: z.uuid(),
            name: z.string(),
            state: z.enum(taskStates),
            finishedAt: timestampSchema.optional(),
          }),
        )
        .max(1000)
        .describe('The first of them, oldest end first.'),
    }),
  )
  .meta({ id: 'PruneReply' });

export type PruneReply = Readonly<z.output<typeof pruneReplySchema>>;

/** What was read of the manager's data, all of it good: POST /verify. */
export const verifiedReplySchema = z
  .lazy(() =>
    z.object({
      cluster: z.string().optional(),
      epoch: z.int(),
      revision: z.int(),
      floor: z.int(),
      counts: z.record(z.string(), z.int()).describe('Records, by collection.'),
    }),
  )
  .meta({ id: 'Verified' });

export type VerifiedReply = Readonly<z.output<typeof verifiedReplySchema>>;
