import { z } from 'zod';
import type { InputIssue } from '../errors/cube-error.ts';
import { describeValue } from '../errors/describe-value.ts';
import { invalidInput, toInputIssues } from '../errors/input-issues.ts';
import { taskIdSchema } from './name.ts';
import { isReferenceTaskEvent, readReferenceTaskEvent } from './reference-task-event.ts';
import { taskSpecSchema } from './task-spec.ts';
import type { Wish } from './wish.ts';

const WHAT = 'The task';
const EXAMPLE = '{"name":"web","image":"nginx"}';

const idSchema = z.strictObject({ id: taskIdSchema.optional() });

/**
 * Reads a submission: a bare spec with an optional `id`, or the reference's TaskEvent with Go's
 * field names in any case.
 *
 * @throws CubeError `invalid-input`, with an issue for every field that is wrong.
 */
export function readSubmission(input: unknown): Wish {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    const got = describeValue(input, []);
    const want = 'an object: a task spec';
    throw invalidInput(WHAT, [{ field: '', got, want, example: EXAMPLE }]);
  }
  if (isReferenceTaskEvent(input)) return readReferenceTaskEvent(input);
  const { id, ...fields } = Object.fromEntries(Object.entries(input));
  const idResult = idSchema.safeParse(id === undefined ? {} : { id });
  const specResult = taskSpecSchema.safeParse(fields);
  if (idResult.success && specResult.success) {
    const known = idResult.data.id;
    return { kind: 'run', ...(known === undefined ? {} : { id: known }), spec: specResult.data };
  }
  throw invalidInput(WHAT, [
    ...(idResult.error === undefined ? [] : toInputIssues(idResult.error, { id }, idSchema)),
    ...(specResult.error === undefined
      ? []
      : toInputIssues(specResult.error, fields, taskSpecSchema).map(withPolicy)),
    ...missingProgram(fields, specResult.error),
  ]);
}

/**
 * What other orchestrators let a container have beyond its own walls. Cube has no such fields, so
 * that no task can ask for them; whoever looks for one is told, and told what there is instead.
 */
const policies: Readonly<Record<string, string>> = {
  privileged: 'containers are never privileged, and no setting allows it',
  capadd: 'containers get no capabilities beyond those of Docker, and no setting allows it',
  devices: 'containers see no devices of the node, and no setting allows it',
  network: 'containers have a network of their own; publish what others need with "ports"',
  networkmode: 'containers have a network of their own; publish what others need with "ports"',
  pid: 'containers see no processes but their own, and no setting allows it',
  ipc: 'containers share no memory with the node, and no setting allows it',
  user: 'a container runs as the user of its image, a process as the one of "cube worker --process-user"',
};

function withPolicy(issue: InputIssue): InputIssue {
  const policy = policies[issue.field.toLowerCase()];
  const isUnknown = issue.want.startsWith('no such field');
  return policy === undefined || !isUnknown
    ? issue
    : { ...issue, want: `no such field: ${policy}` };
}

/** The rules between fields are not reached while a field is wrong; this one is told at once. */
function missingProgram(
  fields: Readonly<Record<string, unknown>>,
  error: z.ZodError | undefined,
): readonly InputIssue[] {
  if (fields['image'] !== undefined || fields['command'] !== undefined) return [];
  if (error?.issues.some((issue) => issue.path.length === 0 && issue.code === 'custom')) return [];
  const want = '"image" for a container or "command" for a process';
  return [{ field: '', got: 'neither', want, example: EXAMPLE }];
}
