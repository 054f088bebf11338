import { z } from 'zod';

/** Why a node cannot take a task: one code for each filter that can refuse it. */
export const rejectionCodes = [
  'not-up',
  'draining',
  'runtime-missing',
  'constraint-unmet',
  'cpu-short',
  'memory-short',
  'disk-short',
  'port-taken',
  'bind-not-allowed',
  'not-judgeable',
] as const;

export type RejectionCode = (typeof rejectionCodes)[number];

/** One reason of one node, with its numbers. */
const rejectionSchema = z
  .object({
    code: z.enum(rejectionCodes),
    message: z.string(),
    needed: z.union([z.string(), z.number()]).optional(),
    available: z.union([z.string(), z.number()]).optional(),
  })
  .meta({ id: 'Rejection' });

export type Rejection = Readonly<z.output<typeof rejectionSchema>>;

/** What one policy says of one node: a score (lower is better), or every reason against it. */
export const verdictSchema = z
  .object({
    node: z.string(),
    score: z.number().optional(),
    rejections: z.array(rejectionSchema),
  })
  .meta({ id: 'Verdict' });

export type Verdict = Readonly<z.output<typeof verdictSchema>>;

/**
 * A placement decision, as its event records it: small whatever the number of nodes. Every single
 * node's verdict can be computed again from the log.
 */
export const placementSchema = z
  .object({
    scheduler: z.string(),
    node: z.string().optional().describe('The node chosen; absent when none fits.'),
    nodeCount: z.int().describe('Nodes looked at.'),
    feasibleCount: z.int().describe('Nodes that could take it.'),
    best: z.array(z.object({ node: z.string(), score: z.number() })).describe('The best few.'),
    rejected: z
      .array(
        z.object({
          code: z.enum(rejectionCodes),
          nodeCount: z.int(),
          nearest: z.object({ node: z.string(), rejection: rejectionSchema }),
        }),
      )
      .describe('Nodes refused, counted by reason, each with its nearest miss.'),
    basis: z
      .object({ revision: z.int(), lastNode: z.string().optional() })
      .optional()
      .describe('The state that was looked at: as of a revision, with whose turn it was before.'),
  })
  .meta({ id: 'Placement' });

export type Placement = Readonly<z.output<typeof placementSchema>>;
