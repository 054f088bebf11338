import { z } from 'zod';
import type { EventReply } from '../../client/event-stream.ts';
import type { TaskReply } from '../../link/replies.ts';
import type { TaskSpec } from '../../task/task-spec.ts';
import { type TaskStatus, taskStatusSchema, withPatch } from '../../task/task-status.ts';

/** A task as lists need it: small, since there may be a hundred thousand. */
export interface TaskRow {
  readonly id: string;
  readonly name: string;
  readonly runtime: string;
  /** The image, or the command with its first arguments. */
  readonly program: string;
  /** As `key=value`, with blanks between them. */
  readonly labels: string;
  /** Bytes and cores asked for; 0 where nothing was. */
  readonly memory: number;
  readonly cpu: number;
  readonly status: TaskStatus;
  readonly createdAt: string;
  readonly createdRevision: number;
  readonly revision: number;
  /** Everything that never changes and that a search looks into, in lower case. */
  readonly searchText: string;
}

const PROGRAM_LENGTH_MAX = 120;

/**
 * Of a page of tasks what rows need. Reading every specification in full would take most of the
 * time of a long list.
 */
export const taskRowPageSchema = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      createdAt: z.string(),
      createdRevision: z.int(),
      revision: z.int(),
      status: taskStatusSchema,
      spec: z.object({
        name: z.string(),
        runtime: z.string(),
        image: z.string().optional(),
        command: z.string().optional(),
        args: z.array(z.string()),
        labels: z.record(z.string(), z.string()),
        memory: z.number().optional(),
        cpu: z.number().optional(),
      }),
    }),
  ),
  cursor: z.string().optional(),
  revision: z.int(),
});

type TaskRowSource = z.output<typeof taskRowPageSchema>['items'][number];

export function toTaskRow(task: TaskRowSource | TaskReply): TaskRow {
  const { spec, createdAt, createdRevision, revision, id } = task;
  const program = programOf(spec);
  const labels = Object.entries(spec.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
  return {
    id,
    name: spec.name,
    runtime: spec.runtime,
    program,
    labels,
    memory: spec.memory ?? 0,
    cpu: spec.cpu ?? 0,
    status: withoutOutput(task.status),
    createdAt,
    createdRevision,
    revision,
    searchText: `${spec.name} ${id} ${program} ${labels}`.toLowerCase(),
  };
}

/**
 * The row after an event, as the manager's own fold has it.
 *
 * @returns undefined when the event removes the task, or tells of one whose beginning is not known.
 */
export function taskRowAfter(row: TaskRow | undefined, event: EventReply): TaskRow | undefined {
  if (event.type === 'task-pruned' || event.taskId === undefined) return undefined;
  if (row !== undefined) {
    if (event.revision <= row.revision) return row;
    const status = withoutOutput(withPatch(row.status, event.status ?? {}));
    return { ...row, status, revision: event.revision };
  }
  if (event.spec === undefined) return undefined;
  const begin = { state: 'pending', desired: 'running', attempt: 0, restartCount: 0 } as const;
  return toTaskRow({
    id: event.taskId,
    spec: event.spec,
    status: withPatch(begin, event.status ?? {}),
    createdAt: event.time,
    createdRevision: event.revision,
    revision: event.revision,
  });
}

/** Whether the task will never run again. */
export function isEnded(status: TaskStatus): boolean {
  if (status.state === 'completed') return true;
  return status.state === 'failed' && status.restartDelayMs === undefined;
}

/** Lists do not show it, and it may be long. */
function withoutOutput(status: TaskStatus): TaskStatus {
  return status.output === undefined ? status : withPatch(status, { output: null });
}

/** What a task runs, in a few words. */
export function programOf(spec: {
  readonly image?: TaskSpec['image'];
  readonly command?: TaskSpec['command'];
  readonly args: readonly string[];
}): string {
  const words = [spec.image, spec.command, ...spec.args].filter((word) => word !== undefined);
  const text = words.join(' ');
  return text.length > PROGRAM_LENGTH_MAX ? `${text.slice(0, PROGRAM_LENGTH_MAX - 1)}…` : text;
}
