import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { CubeError } from '../errors/cube-error.ts';
import { taskIdSchema } from '../task/name.ts';
import { readSubmission } from '../task/read-submission.ts';
import type { Submission } from '../task/submission.ts';
import { type TaskSpec, taskSpecSchema } from '../task/task-spec.ts';
import type { Wish } from '../task/wish.ts';
import { isLoopbackPeer } from './doors.ts';

/** The body of POST /tasks, for the API's description; `readSubmission` reads it. */
export const submissionSchema: z.ZodType = z
  .union([
    z
      .intersection(z.object({ id: taskIdSchema.optional() }), taskSpecSchema)
      .describe('A task spec, with an optional id of your own so that a repeated request is safe.'),
    z
      .looseObject({ Task: z.looseObject({}) })
      .describe("The reference's TaskEvent, with Go's field names in any case."),
  ])
  .meta({ id: 'Submission' });

export interface SubmissionPolicy {
  readonly allowRemoteProcess: boolean;
  /** The ports that this Cube itself listens on. */
  readonly ownPorts: () => readonly number[];
}

/**
 * Reads a submission and judges where it comes from.
 *
 * @throws CubeError `invalid-input`; `not-allowed` for a process task from another machine;
 * `unprocessable` for a host port that Cube itself holds.
 */
export function readTask(body: unknown, raw: IncomingMessage, policy: SubmissionPolicy): Wish {
  const wish = readSubmission(body);
  if (wish.kind === 'stop') return wish;
  checkOrigin(wish.spec, raw, policy);
  checkOwnPorts(wish.spec, policy);
  return wish;
}

/** As `readTask`, where a stop makes no sense. */
export function readPlanned(
  body: unknown,
  raw: IncomingMessage,
  policy: SubmissionPolicy,
): Submission {
  const wish = readTask(body, raw, policy);
  if (wish.kind === 'run') return wish;
  throw new CubeError('invalid-input', 'One of the tasks asks to stop; a plan is of what runs.');
}

/** Whether whoever asks may have something done by a task of this spec on the machine itself. */
export function mayCommand(
  spec: TaskSpec,
  raw: IncomingMessage,
  policy: Pick<SubmissionPolicy, 'allowRemoteProcess'>,
): boolean {
  return spec.runtime !== 'process' || policy.allowRemoteProcess || isLoopbackPeer(raw);
}

function checkOrigin(spec: TaskSpec, raw: IncomingMessage, policy: SubmissionPolicy): void {
  if (mayCommand(spec, raw, policy)) return;
  throw new CubeError(
    'not-allowed',
    'Tasks of the process runtime are taken only from this machine: they run with the rights of the worker.',
    { hint: 'Give it an "image", or start Cube with --allow-remote-process.' },
  );
}

function checkOwnPorts(spec: TaskSpec, policy: SubmissionPolicy): void {
  const own = policy.ownPorts();
  const index = spec.ports.findIndex(({ host, container, protocol }) => {
    const wanted = host ?? (spec.runtime === 'process' ? container : undefined);
    return protocol === 'tcp' && wanted !== undefined && own.includes(wanted);
  });
  const port = spec.ports[index];
  if (port === undefined) return;
  const got = String(port.host ?? port.container);
  throw new CubeError('unprocessable', `Cube itself listens on port ${got}.`, {
    issues: [{ field: `ports[${index}].host`, got, want: 'a port that Cube does not listen on' }],
  });
}
