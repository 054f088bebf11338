import { z } from 'zod';
import { nodeFactsSchema, nodeStatsSchema, runtimeFactSchema } from '../node/node.ts';
import { taskIdSchema } from '../task/name.ts';
import { publishedPortSchema } from '../task/port.ts';
import { runtimeNames, taskSpecSchema } from '../task/task-spec.ts';
import {
  exitCodeSchema,
  healthStates,
  reasonSchema,
  timestampSchema,
} from '../task/task-status.ts';

/**
 * What manager and worker say to each other. Every message may arrive twice, late or never: orders
 * carry (cluster, epoch, task, attempt) and ask for a state rather than a step, and observations
 * tell all that is known of an attempt rather than what changed.
 */
export const PROTOCOL_VERSION = 1;

/** One placement of a task on a node. */
export const attemptKeySchema = z.object({ taskId: taskIdSchema, attempt: z.int().min(1) });

export type AttemptKey = Readonly<z.output<typeof attemptKeySchema>>;

/** A worker presents itself to the manager: POST /nodes. Sent again now and then. */
export const announcementSchema = z
  .lazy(() => z.object({ protocol: z.int(), cluster: z.uuid().optional(), facts: nodeFactsSchema }))
  .meta({ id: 'Announcement' });

export type Announcement = Readonly<z.output<typeof announcementSchema>>;

export const joinReplySchema = z
  .lazy(() =>
    z.object({
      cluster: z.uuid(),
      epoch: z.int().min(1),
      heartbeatMs: z.int().min(10).describe('How often the worker is to be heard.'),
    }),
  )
  .meta({ id: 'JoinReply' });

export type JoinReply = Readonly<z.output<typeof joinReplySchema>>;

/** An attempt that is to run. The spec is complete, with secret values. */
const runOrderSchema = z.lazy(() =>
  attemptKeySchema.extend({
    spec: taskSpecSchema,
    traceparent: z
      .string()
      .max(100)
      .optional()
      .describe('The span that the start is a part of, as W3C Trace Context has it.'),
  }),
);

export type RunOrder = Readonly<z.output<typeof runOrderSchema>>;

/** An attempt to stop, remove and forget with all that is left of it. */
const forgetOrderSchema = z.lazy(() =>
  attemptKeySchema.extend({
    dropVolumes: z
      .boolean()
      .optional()
      .describe('Also its anonymous volumes: the task itself is gone. Default: they stay.'),
  }),
);

export type ForgetOrder = Readonly<z.output<typeof forgetOrderSchema>>;

const stopOrderSchema = z.lazy(() =>
  attemptKeySchema.extend({
    runtime: z
      .enum(runtimeNames)
      .optional()
      .describe('Where it runs, if it runs: a worker that has lost its records looks there.'),
  }),
);

export type StopOrder = Readonly<z.output<typeof stopOrderSchema>>;

/** Everything the manager wants to change on one worker, in one request: POST /assignments. */
export const assignmentsSchema = z
  .lazy(() =>
    z.object({
      protocol: z.int(),
      cluster: z.uuid(),
      epoch: z.int().min(1),
      incarnation: z
        .string()
        .max(100)
        .optional()
        .describe(
          'As in the list of the worker that these rest on; those for an earlier one are refused.',
        ),
      run: z.array(runOrderSchema).max(1000),
      stop: z.array(stopOrderSchema).max(1000).describe('Attempts that must not run any more.'),
      forget: z
        .array(forgetOrderSchema)
        .max(1000)
        .describe('Attempts to stop, remove and forget with all that is left of them.'),
      acknowledged: z.int().min(0).describe('Reports up to this sequence are on the disk here.'),
      heartbeatMs: z.int().min(10).optional().describe('How often the worker is to be heard.'),
    }),
  )
  .meta({ id: 'Assignments' });

export type Assignments = Readonly<z.output<typeof assignmentsSchema>>;

/** How an attempt ended. */
const endedSchema = z.lazy(() =>
  z.object({
    exitCode: exitCodeSchema.optional().describe('Absent when it never ran.'),
    reason: reasonSchema,
    output: z.string().max(16_384).optional(),
    finishedAt: timestampSchema,
  }),
);

export type Ended = Readonly<z.output<typeof endedSchema>>;

const attemptPhases = ['preparing', 'running', 'ended'] as const;

export type AttemptPhase = (typeof attemptPhases)[number];

/** All that a worker knows of one attempt. */
export const observationSchema = z
  .lazy(() =>
    attemptKeySchema.extend({
      phase: z.enum(attemptPhases),
      progress: z
        .string()
        .max(200)
        .optional()
        .describe('What is being done to start it, or what it is held up by as it runs or stops.'),
      runtimeId: z.string().max(200).optional(),
      startedAt: timestampSchema.optional(),
      ports: z.array(publishedPortSchema).max(100).optional(),
      health: z.enum(healthStates).optional(),
      ended: endedSchema.optional().describe('Set exactly when the phase is ended.'),
    }),
  )
  .meta({ id: 'Observation' });

export type Observation = Readonly<z.output<typeof observationSchema>>;

/** The worker's full list: GET /assignments. The reports up to `sequence` are contained in it. */
export const workerListSchema = z
  .lazy(() =>
    z.object({
      protocol: z.int(),
      cluster: z.uuid().optional(),
      incarnation: z
        .string()
        .max(100)
        .optional()
        .describe('This life of the worker: the moment of its start by its own clock.'),
      facts: nodeFactsSchema,
      sequence: z.int().min(0),
      observations: z.array(observationSchema).max(100_000),
      orphans: z
        .array(attemptKeySchema)
        .max(100_000)
        .describe(
          'Instances with our labels of which the worker has no record: order or forget them.',
        ),
    }),
  )
  .meta({ id: 'WorkerList' });

export type WorkerList = Readonly<z.output<typeof workerListSchema>>;

/**
 * One line of the worker's stream: GET /reports?after=SEQUENCE. A report is kept until it is
 * acknowledged, and a newer one of the same attempt replaces an older one.
 */
export const streamItemSchema = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal('report'),
      sequence: z.int().min(1),
      observation: observationSchema,
    }),
    z.object({
      type: z.literal('heartbeat'),
      stats: nodeStatsSchema,
      runtimes: z.array(runtimeFactSchema).max(10),
    }),
  ]),
);

export type StreamItem = Readonly<z.output<typeof streamItemSchema>>;

/** Measured use of one attempt: an item of GET /usage. */
export const attemptUsageSchema = z
  .lazy(() =>
    attemptKeySchema.extend({
      cpu: z.number().min(0).describe('Cores, on average since the look before.'),
      memory: z.number().min(0).describe('Bytes.'),
    }),
  )
  .meta({ id: 'AttemptUsage' });

export type AttemptUsage = Readonly<z.output<typeof attemptUsageSchema>>;

export const attemptUsageListSchema = z
  .lazy(() => z.object({ items: z.array(attemptUsageSchema).max(100_000) }))
  .meta({ id: 'AttemptUsageList' });

/** A line of a task's output. */
export const logLineSchema = z
  .lazy(() =>
    z.object({
      stream: z.enum(['stdout', 'stderr']),
      time: timestampSchema.optional(),
      text: z.string(),
    }),
  )
  .meta({ id: 'LogLine' });

export type LogLine = Readonly<z.output<typeof logLineSchema>>;

/** Which lines of output to give. */
export interface LogOptions {
  /** Go on as new lines come, until the attempt has ended. */
  readonly follow: boolean;
  /** Begin with this many of the last lines; all that is kept where absent. */
  readonly tail?: number;
}
