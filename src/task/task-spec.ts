import { z } from 'zod';
import { constraintSchema } from './constraint.ts';
import { healthCheckSchema } from './health-check.ts';
import { nameSchema } from './name.ts';
import { portSchema } from './port.ts';
import { restartPolicySchema } from './restart-policy.ts';
import { signalSchema } from './signal.ts';
import { bytesField, durationField, mapField, safeString } from './spec-fields.ts';
import { checkSpec } from './task-spec-rules.ts';
import { bindSchema, volumeSchema } from './volume.ts';

/** What runs tasks on a worker. */
export const runtimeNames = ['docker', 'process'] as const;

export type RuntimeName = (typeof runtimeNames)[number];

const ENV_KEY = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;
const ENV_VALUE_WANTED =
  'a string of at most 32,768 characters without NUL, or {"secret": "…"} for one that is never shown';

const envValueSchema = z.union(
  [safeString(32_768), z.strictObject({ secret: safeString(32_768) })],
  ENV_VALUE_WANTED,
);

const label = {
  key: /^[A-Za-z0-9][A-Za-z0-9_./-]{0,62}$/,
  keyWanted: 'a key of 1 to 63 letters, digits, "-", "_", "." or "/"; "cube." is reserved',
};

const CPU_WANTED = 'cores as a number from 0.01 to 100000, such as 0.5';
const COMMAND_WANTED =
  'the program alone as a string, such as "sleep"; what follows it goes into "args"';
const IMAGE_WANTED =
  'an image reference such as "nginx", "nginx:1.27" or "registry.example/team/app@sha256:…"';

/** The longest image reference Docker takes, checked by grammar so that it is never a URL. */
const IMAGE =
  /^(?:[a-zA-Z0-9.-]{1,253}(?::\d{1,5})?\/)?[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/;

/**
 * Everything a user may ask of a task. The one source of types, validation, OpenAPI and docs:
 * descriptions here are the reference documentation.
 */
export const taskSpecSchema = z
  .strictObject({
    name: nameSchema.describe('What people call the task. Need not be unique.'),
    runtime: z
      .enum(runtimeNames, 'docker or process')
      .optional()
      .describe('What runs it. Default: docker where `image` is given, else process.'),
    image: z
      .string(IMAGE_WANTED)
      .max(512, IMAGE_WANTED)
      .regex(IMAGE, IMAGE_WANTED)
      .optional()
      .describe('The container image.'),
    pull: z
      .enum(['always', 'if-missing', 'never'], 'always, if-missing or never')
      .default('if-missing')
      .describe('When to pull the image.'),
    command: safeString(4096, COMMAND_WANTED)
      .min(1, COMMAND_WANTED)
      .optional()
      .describe('The program; for a container it replaces the entry point.'),
    args: z
      .array(safeString(32_768), 'a list of strings')
      .max(1000, 'at most 1000 arguments')
      .default([])
      .describe('Arguments of the command, each a string.'),
    env: mapField({
      key: ENV_KEY,
      keyWanted: 'a key of letters, digits and "_", not beginning with a digit',
      value: envValueSchema,
      countMax: 500,
    }).describe('Environment; a value `{"secret": "…"}` is never shown again.'),
    cpu: z
      .number(CPU_WANTED)
      .min(0.01, CPU_WANTED)
      .max(100_000, CPU_WANTED)
      .optional()
      .describe('Cores reserved, and the limit where the runtime can set one.'),
    memory: bytesField({ min: 6 * 1024 ** 2, minText: '6MiB, the least a container can have' })
      .optional()
      .describe('Memory reserved and the limit, in bytes or with a unit.'),
    disk: bytesField({ min: 1, minText: '1 byte' })
      .optional()
      .describe('Disk reserved on the node, in bytes or with a unit.'),
    ports: z
      .array(portSchema, 'a list of ports')
      .max(100, 'at most 100 ports')
      .default([])
      .describe('Ports to publish.'),
    volumes: z
      .array(volumeSchema, 'a list of volumes')
      .max(100, 'at most 100 volumes')
      .default([])
      .describe('Named volumes; they outlive the task. Containers only.'),
    binds: z
      .array(bindSchema, 'a list of binds')
      .max(100, 'at most 100 binds')
      .default([])
      .describe('Host folders; only below roots that the worker allows. Containers only.'),
    labels: mapField({ ...label, value: safeString(4096), countMax: 100 }).describe(
      'Labels for people and programs.',
    ),
    restart: restartPolicySchema.describe('What to do when it ends.'),
    health: healthCheckSchema.optional().describe('How to tell that it works.'),
    constraints: z
      .array(constraintSchema, 'a list of constraints such as "zone == eu"')
      .max(32, 'at most 32 constraints')
      .default([])
      .describe('What a node must have, such as `zone == eu` or `node.name != old-1`.'),
    stopSignal: signalSchema.default('SIGTERM').describe('The signal that asks it to end.'),
    stopTimeout: durationField({ minMs: 0, maxMs: 3_600_000 })
      .default('10s')
      .describe('How long it may take to end before it is killed.'),
    priority: z
      .int('a whole number from 0 to 100')
      .min(0, 'a whole number from 0 to 100')
      .max(100, 'a whole number from 0 to 100')
      .default(50)
      .describe('Among waiting tasks, higher goes first.'),
    onNodeLost: z
      .enum(['replace', 'wait'], 'replace or wait')
      .default('replace')
      .describe(
        'When its node is down: run it elsewhere (at least one), or wait for the node (at most one).',
      ),
  })
  .superRefine(checkSpec)
  .transform(
    (spec): TaskSpecFields<typeof spec> => ({
      ...spec,
      runtime: spec.runtime ?? (spec.image === undefined ? 'process' : 'docker'),
    }),
  )
  .meta({ id: 'TaskSpec' });

type TaskSpecFields<Spec> = Omit<Spec, 'runtime'> & { runtime: RuntimeName };

/** A complete spec: defaults filled in, sizes in bytes, durations in canonical form. Immutable. */
export type TaskSpec = Readonly<z.output<typeof taskSpecSchema>>;

/** A spec as a user may write it. */
export type TaskSpecInput = z.input<typeof taskSpecSchema>;
