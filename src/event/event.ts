import { z } from 'zod';
import type { NodePatch } from '../node/node.ts';
import { type Placement, placementSchema } from '../task/placement.ts';
import type { Reason } from '../task/reason.ts';
import { type TaskSpec, taskSpecSchema } from '../task/task-spec.ts';
import { type TaskState, taskStates } from '../task/task-state.ts';
import {
  reasonSchema,
  type TaskStatusPatch,
  taskStatusSchema,
  timestampSchema,
} from '../task/task-status.ts';

const taskEventTypes = [
  'task-submitted',
  'task-waiting',
  'task-scheduled',
  'task-progressed',
  'task-started',
  'task-health-changed',
  'task-stop-requested',
  'task-restart-requested',
  'task-displaced',
  'task-completed',
  'task-failed',
  'task-pruned',
] as const;

const nodeEventTypes = [
  'node-joined',
  'node-changed',
  'node-drain-requested',
  'node-drain-ended',
  'node-labelled',
  'node-observed',
  'node-came-up',
  'node-became-unreachable',
  'node-went-down',
] as const;

const managerEventTypes = ['manager-started', 'events-pruned'] as const;

/** Every type of event, in past tense. The list only grows. */
export const eventTypes = [...taskEventTypes, ...nodeEventTypes, ...managerEventTypes] as const;

export type TaskEventType = (typeof taskEventTypes)[number];
export type EventType = (typeof eventTypes)[number];

/**
 * One change, written in the transaction of the change itself and never altered after. Folding
 * the events in order gives the state at any revision.
 */
export interface CubeEvent {
  /** Strictly increasing without gaps; the cursor of every stream. */
  readonly revision: number;
  readonly id: string;
  /** Wall time, for people; the order is that of the revisions. */
  readonly time: string;
  readonly type: EventType;
  readonly taskId?: string;
  readonly attempt?: number;
  readonly node?: string;
  readonly before?: TaskState;
  readonly after?: TaskState;
  /** In the first event of a task. */
  readonly spec?: TaskSpec;
  /** The changed part of the task's status; null clears a field. */
  readonly status?: TaskStatusPatch;
  /** The changed part of what is known of the node; null clears a field. */
  readonly facts?: NodePatch;
  readonly placement?: Placement;
  /** The reign in which it was written; in `manager-started` it grows. */
  readonly epoch?: number;
  /** In `events-pruned`: the newest revision that is gone. */
  readonly floor?: number;
  /** The event (by revision), request or observation that led to it. */
  readonly cause: string;
  /** The request or job that it belongs to. */
  readonly correlationId: string;
  /** The revision of the event before this one of the same task or node; absent in its first. */
  readonly previous?: number;
  /** Who did it: `user`, `manager`, `scheduler`, or `worker` and its name. */
  readonly actor: string;
  readonly reason?: Reason;
}

/** An event before `commit` gives it its place in the log. */
export type EventDraft = Omit<
  CubeEvent,
  'revision' | 'id' | 'time' | 'before' | 'after' | 'previous'
>;

/** Each field of a status may be there, and may also be null, which clears it. */
const statusPatchSchema = z.lazy(
  () =>
    z.object(
      Object.fromEntries(
        Object.entries(taskStatusSchema.shape).map(([field, schema]) => [field, schema.nullish()]),
      ),
    ) as unknown as z.ZodType<TaskStatusPatch>,
);

/** Events as replies carry them. */
export const eventSchema = z
  .lazy(() =>
    z.object({
      revision: z.int().min(1).describe('Strictly increasing without gaps; the cursor of streams.'),
      id: z.uuid(),
      time: timestampSchema,
      type: z.enum(eventTypes),
      taskId: z.uuid().optional(),
      attempt: z.int().optional(),
      node: z.string().optional(),
      before: z.enum(taskStates).optional(),
      after: z.enum(taskStates).optional(),
      spec: taskSpecSchema.optional().describe('In the first event of a task.'),
      status: statusPatchSchema.optional().describe('Changed fields; null clears one.'),
      facts: z.record(z.string(), z.unknown()).optional().describe('Changed facts of a node.'),
      placement: placementSchema.optional(),
      epoch: z.int().optional(),
      floor: z.int().optional(),
      previous: z.int().optional(),
      cause: z.string(),
      correlationId: z.string(),
      actor: z.string(),
      reason: reasonSchema.optional(),
    }),
  )
  .meta({ id: 'Event' });
