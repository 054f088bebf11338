import { z } from 'zod';
import { publishedPortSchema } from './port.ts';
import { reasonCodes } from './reason.ts';
import { desiredStates, taskStates } from './task-state.ts';

/** Moments are RFC 3339 in UTC with milliseconds. */
export const timestampSchema: z.ZodISODateTime = z.iso.datetime();

export const reasonSchema = z
  .object({
    code: z.enum(reasonCodes),
    message: z.string(),
    details: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  })
  .meta({ id: 'Reason' });

/** The exit code of an attempt; `unknown` where it was lost, and never invented. */
export const exitCodeSchema = z.union([z.int(), z.literal('unknown')]);

export type ExitCode = z.output<typeof exitCodeSchema>;

export const healthStates = ['starting', 'healthy', 'unhealthy'] as const;

export type HealthState = (typeof healthStates)[number];

/**
 * What has happened to a task. Only events change it. Fields that speak of one attempt are those
 * of the attempt named here; a new attempt clears them.
 */
export const taskStatusSchema = z
  .object({
    state: z.enum(taskStates),
    desired: z.enum(desiredStates).describe('What the user wants of it.'),
    attempt: z.int().min(0).describe('Placements so far; 0 before the first.'),
    restartCount: z.int().min(0).describe('Restarts since the task was accepted.'),
    node: z.string().optional().describe('The node of the current attempt.'),
    progress: z
      .string()
      .optional()
      .describe('What is being done to start it, or what it is held up by as it runs or stops.'),
    runtimeId: z.string().optional().describe('Container id, or pid of the process.'),
    ports: z.array(publishedPortSchema).optional(),
    health: z.enum(healthStates).optional(),
    scheduledAt: timestampSchema.optional(),
    startedAt: timestampSchema.optional(),
    finishedAt: timestampSchema.optional(),
    exitCode: exitCodeSchema.optional(),
    reason: reasonSchema.optional().describe('Why it waits, or why it ended.'),
    output: z.string().optional().describe('The last lines of a failed attempt.'),
    restartDelayMs: z
      .number()
      .optional()
      .describe('A failed task is started again this long after `finishedAt`, in milliseconds.'),
    replacing: z
      .object({
        attempt: z.int().min(1).describe('The attempt that is to end.'),
        node: z.string().describe('Where it is.'),
        reason: reasonSchema,
        asked: z
          .boolean()
          .optional()
          .describe('Whether a user wants the next attempt, however this one ends.'),
      })
      .optional()
      .describe('An attempt that gives its place to the next one; there until that one runs.'),
    recentRestartCount: z
      .int()
      .optional()
      .describe('Restarts since the task last ran for the whole window of its policy.'),
  })
  .meta({ id: 'TaskStatus' });

export type TaskStatus = Readonly<z.output<typeof taskStatusSchema>>;

/** A change of a status: fields to set, and null for fields to clear. */
export type TaskStatusPatch = {
  readonly [Field in keyof TaskStatus]?: TaskStatus[Field] | null;
};

/** The fields that belong to one attempt, cleared when the next one is placed. */
export const clearedByNewAttempt = {
  progress: null,
  runtimeId: null,
  ports: null,
  health: null,
  startedAt: null,
  finishedAt: null,
  exitCode: null,
  reason: null,
  output: null,
  restartDelayMs: null,
} as const satisfies TaskStatusPatch;

/** The status after `patch`. */
export function withPatch(status: TaskStatus, patch: TaskStatusPatch): TaskStatus {
  const before: Record<string, unknown> = status;
  const changes: Record<string, unknown> = patch;
  // Built up and never deleted from: an object from which something was deleted is slow to read
  // and takes several times the memory.
  const next: Record<string, unknown> = {};
  for (const field in before) if (changes[field] === undefined) next[field] = before[field];
  for (const field in changes) {
    const value = changes[field];
    if (value !== null && value !== undefined) next[field] = value;
  }
  return Object.freeze(next) as unknown as TaskStatus;
}
