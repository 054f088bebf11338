import { z } from 'zod';
import type { InputIssue } from '../errors/cube-error.ts';
import { describeValue, formatPath } from '../errors/describe-value.ts';
import { invalidInput, toInputIssues } from '../errors/input-issues.ts';
import { taskIdSchema } from './name.ts';
import { type TaskSpecInput, taskSpecSchema } from './task-spec.ts';
import type { Wish } from './wish.ts';

/*
 * The TaskEvent of the orchestrator in "Build an Orchestrator in Go", so that its curl commands
 * work here. What its fields mean:
 *
 * - Memory and Disk are bytes, as Docker takes them; 0 or nothing asks for nothing.
 * - Every exposed port is published, as there: on the bound host port, or else on a free one.
 * - RestartPolicy is Docker's word. Without one, a failed task is restarted at most three times,
 *   which is what the reference's manager does whatever the word.
 * - HealthCheck is a path, asked by HTTP on the first port.
 * - State 3 (Completed) of the event asks to stop the task. Any other asks to run it.
 * - Timestamps, ContainerID, HostPorts and RestartCount are results: they are ignored.
 */

const WHAT = 'The task event';

const STATES = ['pending', 'scheduled', 'running', 'completed', 'failed'] as const;
const STATE_WANTED = `a state: a number from 0 to 4, or one of ${STATES.join(', ')}`;
const PORT_WANTED = 'a port such as "80/tcp"';
const HOST_PORT_WANTED = 'a host port such as "8080"';
const RESTART_WANTED = 'always, unless-stopped, on-failure, no, or nothing';

const state = z
  .union([z.int().min(0).max(4), z.string().max(20)], STATE_WANTED)
  .transform((value, context) => {
    const name = typeof value === 'number' ? STATES[value] : value.toLowerCase();
    const known = STATES.find((one) => one === name);
    if (known !== undefined) return known;
    context.addIssue({ code: 'custom', message: STATE_WANTED });
    return z.NEVER;
  });

const portKey = z.string().regex(/^\d{1,5}(?:\/(?:tcp|udp))?$/, PORT_WANTED);

/** Values that the reference sets itself and that clients send back with what they have read. */
const ignored = z.unknown().optional();

const taskSchema = z.strictObject(
  {
    ID: taskIdSchema.optional(),
    Name: z.string('a name').optional(),
    State: state.optional(),
    Image: z.string('an image').optional(),
    Cpu: z.number('cores as a number').optional(),
    Memory: z.number('bytes as a number').optional(),
    Disk: z.number('bytes as a number').optional(),
    ExposedPorts: z.record(portKey, z.unknown(), 'an object such as {"80/tcp": {}}').optional(),
    PortBindings: z
      .record(
        portKey,
        z.union([z.string().regex(/^\d{0,5}$/, HOST_PORT_WANTED), z.int()], HOST_PORT_WANTED),
        'an object such as {"80/tcp": "8080"}',
      )
      .optional(),
    RestartPolicy: z
      .enum(['always', 'unless-stopped', 'on-failure', 'no', ''], RESTART_WANTED)
      .optional(),
    HealthCheck: z.string('a path such as "/health"').optional(),
    StartTime: ignored,
    FinishTime: ignored,
    ContainerID: ignored,
    HostPorts: ignored,
    RestartCount: ignored,
  },
  'an object with Name and Image',
);

type ReferenceTask = z.output<typeof taskSchema>;

const eventSchema = z.strictObject({
  ID: z.string('a UUID').max(64).optional(),
  State: state.optional(),
  Timestamp: ignored,
  Task: taskSchema,
});

/** Whether an object is meant as a TaskEvent: our own form has no field `task`. */
export function isReferenceTaskEvent(input: object): boolean {
  return Object.keys(input).some((key) => key.toLowerCase() === 'task');
}

/**
 * Reads a TaskEvent, with its keys in any case.
 *
 * @throws CubeError `invalid-input`; the issues name the fields as Go does.
 */
export function readReferenceTaskEvent(input: object): Wish {
  const canonical = canonicalEvent(input);
  const parsed = eventSchema.safeParse(canonical);
  if (!parsed.success)
    throw invalidInput(WHAT, toInputIssues(parsed.error, canonical, eventSchema));
  const { Task: task, State: wanted } = parsed.data;
  if (wanted === 'completed') {
    if (task.ID === undefined) {
      const want = 'the id of the task to stop, since State is Completed';
      throw invalidInput(WHAT, [{ field: 'Task.ID', got: 'nothing', want }]);
    }
    return { kind: 'stop', id: task.ID };
  }
  const fields = toSpecInput(task);
  const spec = taskSpecSchema.safeParse(fields);
  if (!spec.success) throw invalidInput(WHAT, toReferenceIssues(spec.error, fields));
  return { kind: 'run', ...(task.ID === undefined ? {} : { id: task.ID }), spec: spec.data };
}

/** The event with its keys as Go writes them, and without nulls, which is how Go writes nothing. */
function canonicalEvent(input: object): Record<string, unknown> {
  const event = canonicalKeys(input, Object.keys(eventSchema.shape), '');
  const task = event['Task'];
  if (typeof task === 'object' && task !== null && !Array.isArray(task)) {
    event['Task'] = canonicalKeys(task, Object.keys(taskSchema.shape), 'Task.');
  }
  return event;
}

function canonicalKeys(
  input: object,
  known: readonly string[],
  prefix: string,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(input)) {
    const lower = key.toLowerCase();
    const name = known.find((one) => one.toLowerCase() === lower) ?? key;
    if (Object.hasOwn(result, name)) {
      const field = `${prefix}${name}`;
      throw invalidInput(WHAT, [{ field, got: 'it twice, in different case', want: 'it once' }]);
    }
    if (value !== null) result[name] = value;
  }
  return result;
}

function toSpecInput(task: ReferenceTask): TaskSpecInput {
  const ports = toPorts(task);
  const [first] = ports;
  const health =
    task.HealthCheck === undefined || task.HealthCheck === '' ? undefined : task.HealthCheck;
  if (health !== undefined && first === undefined) {
    const want = 'an ExposedPorts entry, since HealthCheck needs a port to ask';
    throw invalidInput(WHAT, [{ field: 'Task.HealthCheck', got: describeValue(health, []), want }]);
  }
  return {
    // The schema refuses a missing name and says what a name is.
    name: task.Name ?? '',
    ...(task.Image === undefined ? {} : { image: task.Image }),
    ...amount('cpu', task.Cpu),
    ...amount('memory', task.Memory),
    ...amount('disk', task.Disk),
    ports,
    restart: toRestart(task.RestartPolicy),
    ...(health === undefined || first === undefined
      ? {}
      : { health: { http: { port: first.container, path: health } } }),
  };
}

function amount(name: 'cpu' | 'memory' | 'disk', value: number | undefined): object {
  return value === undefined || value === 0 ? {} : { [name]: value };
}

function toRestart(policy: ReferenceTask['RestartPolicy']): TaskSpecInput['restart'] {
  if (policy === undefined || policy === '') return { policy: 'on-failure', attempts: 3 };
  if (policy === 'no') return 'never';
  return policy === 'unless-stopped' ? 'always' : policy;
}

function toPorts(
  task: ReferenceTask,
): { container: number; host?: number; protocol: 'tcp' | 'udp' }[] {
  const bindings = new Map(
    Object.entries(task.PortBindings ?? {}).map(([key, host]) => [canonicalPort(key), host]),
  );
  const keys = new Set([
    ...Object.keys(task.ExposedPorts ?? {}).map(canonicalPort),
    ...bindings.keys(),
  ]);
  return [...keys].map((key) => {
    const host = bindings.get(key);
    return {
      container: Number.parseInt(key, 10),
      protocol: key.endsWith('/udp') ? 'udp' : 'tcp',
      ...(host === undefined || host === '' ? {} : { host: Number(host) }),
    };
  });
}

function canonicalPort(key: string): string {
  return key.includes('/') ? key : `${key}/tcp`;
}

const referenceFields: Readonly<Record<string, string>> = {
  name: 'Name',
  image: 'Image',
  cpu: 'Cpu',
  memory: 'Memory',
  disk: 'Disk',
  ports: 'PortBindings',
  restart: 'RestartPolicy',
  health: 'HealthCheck',
};

function toReferenceIssues(error: z.ZodError, fields: object): readonly InputIssue[] {
  return error.issues.flatMap((issue) => {
    const field = referenceFields[String(issue.path[0])];
    const [own] = toInputIssues(new z.ZodError([issue]), fields, taskSpecSchema);
    if (own === undefined) return [];
    if (field !== undefined) return [{ ...own, field: formatPath(['Task', field]) }];
    return [{ ...own, field: 'Task.Image', got: 'nothing', want: 'an image, such as "nginx"' }];
  });
}
