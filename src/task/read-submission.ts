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
      : toInputIssues(specResult.error, fields, taskSpecSchema)),
    ...missingProgram(fields, specResult.error),
  ]);
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
