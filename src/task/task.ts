import { z } from 'zod';
import { taskIdSchema } from './name.ts';
import { type TaskSpec, taskSpecSchema } from './task-spec.ts';
import { type TaskStatus, taskStatusSchema, timestampSchema } from './task-status.ts';

/** What was asked (`spec`, immutable) and what has happened (`status`). */
export interface Task {
  readonly id: string;
  readonly spec: TaskSpec;
  readonly status: TaskStatus;
  readonly createdAt: string;
  /** The revision of its first event: lists are in this order. */
  readonly createdRevision: number;
  /** The revision of the last event that changed the task. */
  readonly revision: number;
}

/** A task as replies carry it: secret environment values are hidden. */
export const taskSchema = z
  .object({
    id: taskIdSchema,
    spec: taskSpecSchema,
    status: taskStatusSchema,
    createdAt: timestampSchema,
    createdRevision: z.int(),
    revision: z.int(),
    observedAt: timestampSchema
      .optional()
      .describe('Set while its node is silent: since then nothing is known of the task.'),
  })
  .meta({ id: 'Task' });

/** Whether the task has ended for good: it will never run again. */
export function isFinal(task: Task): boolean {
  if (task.status.state === 'completed') return true;
  return task.status.state === 'failed' && task.status.restartDelayMs === undefined;
}

/** Whether an attempt of the task is placed on a node and has not ended. */
export function isPlaced(task: Task): boolean {
  return task.status.state === 'scheduled' || task.status.state === 'running';
}

/**
 * Whether the current attempt was given up as unhealthy: it is stopped, and the next one follows by
 * the policy, whatever its check says from then on.
 */
export function isGivenUp({ status, spec }: Task): boolean {
  return status.health === 'unhealthy' && spec.restart.policy !== 'never';
}

/** Shown in place of a secret value. */
const REDACTED = '***';

/** The spec with its secret environment values hidden, for every eye but the worker's. */
export function redactSpec(spec: TaskSpec): TaskSpec {
  const env = Object.entries(spec.env).map(
    ([key, value]) => [key, typeof value === 'string' ? value : { secret: REDACTED }] as const,
  );
  return { ...spec, env: Object.fromEntries(env) };
}
