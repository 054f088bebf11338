import { z } from 'zod';
import { nameSchema } from '../task/name.ts';
import { runtimeNames } from '../task/task-spec.ts';
import { timestampSchema } from '../task/task-status.ts';
import {
  isLabelKey,
  isLabelValue,
  LABEL_KEY,
  LABEL_KEY_WANTED,
  LABEL_VALUE_WANTED,
} from './label.ts';

const quantity = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

/** Amounts of the resources that are counted: cores, and bytes. */
export const resourcesSchema = z
  .lazy(() =>
    z.object({
      cpu: quantity.describe('Cores.'),
      memory: quantity.describe('Bytes.'),
      disk: quantity.describe('Bytes.'),
    }),
  )
  .meta({ id: 'Resources' });

export type Resources = Readonly<z.output<typeof resourcesSchema>>;

/** A runtime that a worker offers, or the reason why it cannot. */
export const runtimeFactSchema = z
  .lazy(() =>
    z.object({
      name: z.enum(runtimeNames),
      available: z.boolean(),
      version: z.string().max(200).optional(),
      reason: z.string().max(1000).optional().describe('Why it is not available.'),
    }),
  )
  .meta({ id: 'RuntimeFact' });

export type RuntimeFact = Readonly<z.output<typeof runtimeFactSchema>>;

const LABEL_COUNT_WANTED = 'at most 100 labels';

const nodeLabelsSchema = z.lazy(() =>
  z
    .record(z.string().regex(LABEL_KEY), z.string().max(63))
    .refine((labels) => labelLimitProblem(labels) === undefined, LABEL_COUNT_WANTED),
);

/** What is wanted, when a node would have too many labels. */
export function labelLimitProblem(labels: Readonly<Record<string, string>>): string | undefined {
  return Object.keys(labels).length <= 100 ? undefined : LABEL_COUNT_WANTED;
}

/** Labels to set, and with null to take away. */
export const labelChangesSchema = z.lazy(() =>
  z
    .record(
      z.string().refine(isLabelKey, LABEL_KEY_WANTED),
      z.union(
        [z.string().refine(isLabelValue, LABEL_VALUE_WANTED), z.null()],
        `${LABEL_VALUE_WANTED}, or null`,
      ),
      'an object of labels and values',
    )
    .refine((labels) => Object.keys(labels).length <= 100, LABEL_COUNT_WANTED),
);

const ADDRESS_WANTED =
  'an address such as http://10.0.0.5:5556, without user, query and fragment, and not link-local';

/**
 * The manager sends its token there, so it is nothing but a server's address; and never one of
 * those at which clouds hand out credentials.
 */
function isWorkerAddress(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return false;
  if (`${url.username}${url.password}${url.search}${url.hash}` !== '') return false;
  return !/^(?:169\.254\.|\[fe[89ab]|\[::ffff:a9fe:|\[fd00:ec2::254\]|metadata\.)/.test(
    url.hostname,
  );
}

/** What a worker says of itself when it joins. */
export const nodeFactsSchema = z
  .lazy(() =>
    z.object({
      id: z.uuid().describe('The identity that the worker keeps in its data directory.'),
      name: nameSchema.describe('Unique in the cluster.'),
      address: z
        .url(ADDRESS_WANTED)
        .max(1000, ADDRESS_WANTED)
        .refine(isWorkerAddress, ADDRESS_WANTED)
        .describe('Where the worker listens, as http://host:port.'),
      capacity: resourcesSchema,
      labels: nodeLabelsSchema,
      runtimes: z.array(runtimeFactSchema).max(10),
      bindRoots: z.array(z.string().max(4096)).max(100).describe('Folders below which it binds.'),
      version: z.string().max(100).describe('The version of Cube on the worker.'),
    }),
  )
  .meta({ id: 'NodeFacts' });

export type NodeFacts = Readonly<z.output<typeof nodeFactsSchema>>;

/** Measured use of a node. Observed, so it has a time and can only make a node look fuller. */
export const nodeStatsSchema = z
  .lazy(() =>
    z.object({
      used: resourcesSchema,
      load: z.number().min(0).describe('Load average over one minute.'),
      taskCount: z.int().min(0).describe('Attempts that run there.'),
      time: timestampSchema,
    }),
  )
  .meta({ id: 'NodeStats' });

export type NodeStats = Readonly<z.output<typeof nodeStatsSchema>>;

export const livenessStates = ['up', 'unreachable', 'down'] as const;

export type Liveness = (typeof livenessStates)[number];

/** A machine, as the manager sees it. Changed only by events. */
export const nodeSchema = z
  .lazy(() =>
    nodeFactsSchema.unwrap().extend({
      liveness: z.enum(livenessStates),
      livenessSince: timestampSchema,
      livenessReason: z.string().optional(),
      draining: z.boolean(),
      announcedLabels: nodeLabelsSchema
        .optional()
        .describe('What its worker says of itself, where the user has changed it.'),
      labelChanges: z
        .record(z.string(), z.string().nullable())
        .optional()
        .describe("The user's labels for it, over those of its worker; null takes one away."),
      observed: resourcesSchema
        .optional()
        .describe('Measured use, as the scheduler counts it: recorded when it changes notably.'),
      revision: z.int(),
    }),
  )
  .meta({ id: 'Node' });

export type Node = Readonly<z.output<typeof nodeSchema>>;

export type NodePatch = { readonly [Field in keyof Node]?: Node[Field] | null };

/** The one word that people see for a node. */
export function nodeState(node: Node): Liveness | 'draining' {
  return node.draining && node.liveness === 'up' ? 'draining' : node.liveness;
}
