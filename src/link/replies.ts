import { z } from 'zod';
import { nodeSchema, nodeStatsSchema, resourcesSchema } from '../node/node.ts';
import { placementSchema, verdictSchema } from '../task/placement.ts';
import { taskSchema } from '../task/task.ts';
import { taskStates } from '../task/task-state.ts';
import { timestampSchema } from '../task/task-status.ts';
import { attemptUsageSchema } from './protocol.ts';

/**
 * What the manager's HTTP interface answers, beside tasks and events: one schema for the server
 * that writes it and the client that reads it. Those that not every command reads are made when they
 * are first used (`z.lazy`): to make them all would take a tenth of the time of a `cube status`.
 */

/** A task as clients see it. */
export type TaskReply = Readonly<z.output<typeof taskSchema>>;

/** One page of tasks: GET /tasks. */
export const taskPageSchema = z
  .object({
    items: z.array(taskSchema).max(1000),
    cursor: z.string().optional().describe('Where the next page begins; absent on the last.'),
    revision: z.int().describe('A stream of events from here continues this list.'),
  })
  .meta({ id: 'TaskPage' });

export type TaskPageReply = Readonly<z.output<typeof taskPageSchema>>;

/** A node with what is promised on it and measured there. */
export const nodeReplySchema = z
  .lazy(() =>
    nodeSchema.unwrap().extend({
      committed: resourcesSchema.describe('What its unfinished tasks have been promised.'),
      taskCount: z.int().min(0).describe('Tasks placed there that have not ended.'),
      flapping: z
        .boolean()
        .optional()
        .describe('It was lost three times or more within ten minutes; absent where it was not.'),
      clockSkewMs: z
        .number()
        .optional()
        .describe("How far its clock is ahead of the manager's; absent below ten seconds."),
      stats: nodeStatsSchema
        .optional()
        .describe("The latest heartbeat's; absent before the first."),
    }),
  )
  .meta({ id: 'NodeView' });

export type NodeReply = Readonly<z.output<typeof nodeReplySchema>>;

/** Every node: GET /nodes. */
export const nodeListSchema = z
  .lazy(() =>
    z.object({
      items: z.array(nodeReplySchema),
      revision: z.int().optional().describe('Of the moment that was asked for; absent for now.'),
    }),
  )
  .meta({ id: 'NodeList' });

/** What differs between two moments: GET /diff. */
export const differenceSchema = z
  .lazy(() =>
    z.object({
      from: z.int().describe('The revision of the first moment.'),
      to: z.int().describe('That of the second.'),
      tasks: z
        .array(z.object({ from: taskSchema.optional(), to: taskSchema.optional() }))
        .describe('A side is absent where the task was not there. At most 1,000.'),
      changedTaskCount: z.int().describe('How many tasks differ, shown or not.'),
      nodes: z.array(z.object({ from: nodeSchema.optional(), to: nodeSchema.optional() })),
    }),
  )
  .meta({ id: 'Difference' });

export type DifferenceReply = Readonly<z.output<typeof differenceSchema>>;

/** How a task was placed, or why it is not: GET /tasks/{id}/placement. */
export const explanationSchema = z
  .lazy(() =>
    z.object({
      taskId: z.uuid(),
      decided: z
        .object({
          revision: z.int(),
          time: timestampSchema,
          placement: placementSchema,
          verdicts: z
            .array(verdictSchema)
            .optional()
            .describe('Of every node at that moment; absent where the log does not reach back.'),
        })
        .optional()
        .describe('The decision that placed the current attempt, or the latest refusal.'),
      now: z
        .object({ placement: placementSchema, verdicts: z.array(verdictSchema) })
        .optional()
        .describe(
          'For a task that waits, or is to leave a drained node: what the scheduler says now.',
        ),
      advice: z.array(z.string()).describe('What would let it run, or leave its drained node.'),
    }),
  )
  .meta({ id: 'Explanation' });

export type ExplanationReply = Readonly<z.output<typeof explanationSchema>>;

/** What would become of tasks: POST /plan, in the order of the request. */
export const planSchema = z
  .lazy(() =>
    z.object({
      items: z.array(
        z.object({
          placement: placementSchema.describe('Where it would go; without a node it would wait.'),
          verdicts: z.array(verdictSchema).describe('On every node.'),
          advice: z.array(z.string()).describe('What would let it run, when no node takes it.'),
          existing: z
            .object({
              task: taskSchema,
              differsIn: z
                .string()
                .optional()
                .describe('The first field that differs: a conflict.'),
            })
            .optional()
            .describe('The task that has its id already: it would stay as it is.'),
        }),
      ),
    }),
  )
  .meta({ id: 'Plan' });

export type PlanReply = Readonly<z.output<typeof planSchema>>;

/** Measured use of what runs: GET /usage. */
export const usageSchema = z
  .lazy(() =>
    z.object({
      items: z.array(attemptUsageSchema.unwrap().extend({ node: z.string() })),
      silent: z.array(z.string()).describe('Nodes that did not tell in time, or are down.'),
    }),
  )
  .meta({ id: 'Usage' });

export type UsageReply = Readonly<z.output<typeof usageSchema>>;

/** The manager itself: GET /status. */
export const managerStatusSchema = z
  .lazy(() =>
    z.object({
      cluster: z.string(),
      epoch: z.int(),
      revision: z.int(),
      floor: z.int().describe('The oldest events kept begin after this revision.'),
      store: z.string(),
      storeBytes: z.number(),
      scheduler: z.string(),
      taskCounts: z.record(z.enum(taskStates), z.int()),
      nodeCount: z.int(),
      startedAt: timestampSchema,
      version: z.string(),
      healthy: z.boolean().describe('False while changes cannot be made durable.'),
      problem: z.string().optional(),
    }),
  )
  .meta({ id: 'ManagerStatus' });

export type ManagerStatusReply = Readonly<z.output<typeof managerStatusSchema>>;

/** One thing wrong with an input, as in `CubeError.issues`. */
const inputIssueSchema = z
  .object({
    field: z.string(),
    got: z.string(),
    want: z.string(),
    example: z.string().optional(),
  })
  .meta({ id: 'InputIssue' });

/** Every error reply: RFC 9457 problem details. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('For programs; docs/errors.md lists them.'),
    instance: z.string().optional().describe('The id of the request.'),
    hint: z.string().optional().describe('What to try next.'),
    field: z.string().optional().describe('The first field that is wrong.'),
    got: z.string().optional(),
    want: z.string().optional(),
    issues: z.array(inputIssueSchema).optional(),
  })
  .meta({ id: 'Problem' });
