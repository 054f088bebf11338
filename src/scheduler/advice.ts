import { assert } from '../lib/assert.ts';
import type { Rejection, RejectionCode, Verdict } from '../task/placement.ts';
import type { Task } from '../task/task.ts';
import { formatAmount } from './format-amount.ts';
import { findHopeless, type Hopeless } from './hopeless.ts';
import type { ClusterSnapshot, NodeSnapshot } from './scheduler.ts';

/** A node that was refused, with its verdict. */
interface Refused {
  readonly candidate: NodeSnapshot;
  readonly rejections: readonly Rejection[];
}

/** How many nodes one kind of advice names. */
const NAMED_MAX = 3;

/**
 * What would let a waiting task run, as sentences with numbers, the most useful first: what no
 * node can ever give, nodes that only have to come back, and what is in the way on the nodes that
 * come nearest. Empty when a node can take it.
 *
 * @param verdicts the verdict on every node of the snapshot, in its order.
 */
export function advise(
  task: Task,
  snapshot: ClusterSnapshot,
  verdicts: readonly Verdict[],
): readonly string[] {
  if (snapshot.nodes.length === 0) {
    return ['No node has joined yet: start one with "cube worker --manager URL".'];
  }
  const refused = joinNodes(snapshot, verdicts);
  if (refused.some(({ rejections }) => rejections.length === 0)) return [];
  const hopeless = findHopeless(task, snapshot);
  return [
    ...hopeless.map(({ sentence }) => sentence),
    ...adviseReturning(refused),
    ...adviseNearest(refused.filter(isServing), hopeless),
  ];
}

function joinNodes(snapshot: ClusterSnapshot, verdicts: readonly Verdict[]): readonly Refused[] {
  return snapshot.nodes.map((candidate, index) => {
    const verdict = verdicts[index];
    assert(verdict?.node === candidate.node.name, 'there is a verdict for each node, in order');
    return { candidate, rejections: verdict.rejections };
  });
}

const absences: ReadonlySet<RejectionCode> = new Set(['not-up', 'draining']);

function isServing({ rejections }: Refused): boolean {
  return !rejections.some(({ code }) => absences.has(code));
}

/** Nodes that would take the task if only they took tasks; all that are away if none serves. */
function adviseReturning(refused: readonly Refused[]): readonly string[] {
  const isOnlyAway = ({ rejections }: Refused): boolean =>
    rejections.every(({ code }) => absences.has(code));
  const isNoneServing = !refused.some(isServing);
  const away = refused.filter(isNoneServing ? () => true : isOnlyAway);
  const sentences = away.slice(0, NAMED_MAX).map(({ candidate, rejections }) => {
    const { name } = candidate.node;
    const absence = rejections.find(({ code }) => absences.has(code));
    const could = rejections.every(({ code }) => absences.has(code)) ? 'could take it, but ' : '';
    const remedy =
      absence?.code === 'not-up' ? 'start its worker again' : 'end its draining to use it';
    return `Node ${name} ${could}${absence?.message ?? 'is away'}: ${remedy}, or add a node.`;
  });
  const unnamed = away.length - sentences.length;
  if (unnamed > 0) sentences.push(`The same holds for ${unnamed} more nodes.`);
  return isNoneServing ? ['No node takes tasks at the moment.', ...sentences] : sentences;
}

/**
 * Among the nodes with the fewest reasons against them, beyond those told already: where a single thing is in the way, one
 * sentence for each kind of thing; where several are, all those of one node, since mending one
 * alone would not help.
 */
function adviseNearest(
  serving: readonly Refused[],
  hopeless: readonly Hopeless[],
): readonly string[] {
  const told = new Set(hopeless.map(({ code }) => code));
  const remaining = serving.map(({ candidate, rejections }) => ({
    candidate,
    rejections: rejections.filter(({ code }) => !told.has(code)),
  }));
  const fewest = remaining.reduce(
    (least, { rejections }) => Math.min(least, rejections.length),
    Number.POSITIVE_INFINITY,
  );
  const nearest = remaining.filter(({ rejections }) => rejections.length === fewest);
  const first = nearest[0];
  if (first === undefined) return [];
  if (fewest <= 1) {
    return [...leastShortByCode(nearest).values()].map(({ name, rejection }) =>
      remedies[rejection.code](name, rejection),
    );
  }
  const { name } = first.candidate.node;
  return [
    `Node ${name} comes nearest, with ${fewest} things in the way.`,
    ...first.rejections.map((rejection) => remedies[rejection.code](name, rejection)),
  ];
}

function leastShortByCode(
  nodes: readonly Refused[],
): ReadonlyMap<RejectionCode, { readonly name: string; readonly rejection: Rejection }> {
  const best = new Map<RejectionCode, { readonly name: string; readonly rejection: Rejection }>();
  for (const { candidate, rejections } of nodes) {
    for (const rejection of rejections) {
      const known = best.get(rejection.code);
      if (known !== undefined && shortage(known.rejection) <= shortage(rejection)) continue;
      best.set(rejection.code, { name: candidate.node.name, rejection });
    }
  }
  return best;
}

function shortage({ needed, available }: Rejection): number {
  return typeof needed === 'number' && typeof available === 'number' ? needed - available : 0;
}

type Remedy = (node: string, rejection: Rejection) => string;

const byFreeing: Remedy = (node, { code, needed, available }) => {
  const format = (amount: unknown): string => formatAmount(code, Number(amount));
  return (
    `It needs ${format(needed)}; the freest node that would do, ${node}, has ` +
    `${format(available)} free: stop a task there, ask for less, or add a node.`
  );
};

/** What to do about each reason, on the node where it is nearest to being mended. */
const remedies: Readonly<Record<RejectionCode, Remedy>> = {
  'not-up': (node, { message }) => `Node ${node} ${message}: start its worker again.`,
  draining: (node, { message }) => `Node ${node} ${message}: end its draining.`,
  'runtime-missing': (node, { message, needed }) =>
    `Node ${node} ${message}: make ${needed} available there, or add a node that has it.`,
  'constraint-unmet': (node, { message }) =>
    `On node ${node} the task ${message}: change the labels of the node ("cube worker --label ` +
    `KEY=VALUE"), or the constraint.`,
  'cpu-short': byFreeing,
  'memory-short': byFreeing,
  'disk-short': byFreeing,
  'port-taken': (node, { needed }) =>
    `Port ${needed} is held by another task on ${node}: stop that task, use another host port, ` +
    'or add a node.',
  'bind-not-allowed': (node, { message }) =>
    `On node ${node} the task ${message}: start its worker with "--allow-bind DIR" for that ` +
    'folder, or use a volume.',
  'not-judgeable': (node, { message }) =>
    `Node ${node} ${message}: start its worker with "--cpu", "--memory" and "--disk".`,
};
