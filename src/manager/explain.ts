import type { CubeEvent } from '../event/event.ts';
import { advise } from '../scheduler/advice.ts';
import { createScheduler } from '../scheduler/create-scheduler.ts';
import { decide } from '../scheduler/decide.ts';
import { createSnapshot } from '../scheduler/ledger.ts';
import type { ClusterSnapshot, Scheduler } from '../scheduler/scheduler.ts';
import { schedulerNames } from '../scheduler/scheduler.ts';
import type { ManagerRepository } from '../store/manager-repository.ts';
import type { Placement, Verdict } from '../task/placement.ts';
import { isFinal, isPlaced, type Task } from '../task/task.ts';
import type { ClusterState } from './cluster-state.ts';
import type { LogRepository } from './past-reader.ts';
import { replay } from './replay.ts';

/** How a task came to be where it is, or why it is nowhere. */
export interface TaskExplanation {
  readonly taskId: string;
  readonly decided?: DecidedPlacement;
  readonly now?: { readonly placement: Placement; readonly verdicts: readonly Verdict[] };
  readonly advice: readonly string[];
}

interface DecidedPlacement {
  readonly revision: number;
  readonly time: string;
  readonly placement: Placement;
  readonly verdicts?: readonly Verdict[];
}

export interface ExplainContext {
  readonly state: ClusterState;
  readonly repository: LogRepository;
  readonly scheduler: Scheduler;
  readonly snapshot: ClusterSnapshot;
  /** How long until the task's restart is due, in milliseconds. */
  readonly dueInMs: number;
}

/**
 * Explains the latest decision on a task and, while it waits or is to leave a drained node, what the
 * scheduler says now and what would let it run.
 */
export async function explainTask(task: Task, context: ExplainContext): Promise<TaskExplanation> {
  const decision = await findDecision(task, context.repository);
  const decided = decision === undefined ? {} : { decided: await recompute(decision, context) };
  const isWaiting = !isPlaced(task) && !isFinal(task);
  if (!isWaiting && !isToLeave(task, context.state)) {
    return { taskId: task.id, ...decided, advice: adviseOnEnd(task) };
  }
  const current = decide(context.scheduler, task, context.snapshot);
  const delay =
    context.dueInMs > 0
      ? [
          `Look at what it wrote with "cube logs ${task.id.slice(0, 8)}"; it is started again in ${Math.ceil(context.dueInMs / 1000)} s, after a growing pause.`,
        ]
      : [];
  const verdicts = current.verdicts();
  const advice = current.chosen === undefined ? advise(task, context.snapshot, verdicts) : [];
  return {
    taskId: task.id,
    ...decided,
    now: { placement: current.placement, verdicts },
    advice: [...delay, ...advice],
  };
}

/** What to do about a task that has failed and is not started again. */
function adviseOnEnd({ id, spec, status }: Task): readonly string[] {
  if (status.state !== 'failed') return [];
  const short = id.slice(0, 8);
  const look =
    status.startedAt === undefined ? '' : `look at what it wrote with "cube logs ${short}"; `;
  return [
    `By its restart policy, "${spec.restart.policy}", it is not started again: ${look}"cube restart ${short}" tries it once more.`,
  ];
}

/** Whether it is on a node that is drained, and was not asked to give its place yet. */
function isToLeave(task: Task, state: ClusterState): boolean {
  const { node = '', desired, replacing, attempt } = task.status;
  const isDrained = isPlaced(task) && state.findNode(node)?.draining === true;
  return isDrained && desired === 'running' && replacing?.attempt !== attempt;
}

/** The latest event of the task that carries a placement, by walking back its chain. */
async function findDecision(
  task: Task,
  repository: Pick<ManagerRepository, 'findEvent'>,
): Promise<CubeEvent | undefined> {
  for await (const event of walkBack(task, repository)) {
    if (event.placement !== undefined) return event;
  }
  return undefined;
}

/** The events of a task from the newest back, as far as the log has them. */
export async function* walkBack(
  task: Task,
  repository: Pick<ManagerRepository, 'findEvent'>,
): AsyncGenerator<CubeEvent> {
  let revision: number | undefined = task.revision;
  while (revision !== undefined) {
    const event: CubeEvent | undefined = await repository.findEvent(revision);
    if (event === undefined) return;
    yield event;
    revision = event.previous;
  }
}

async function recompute(event: CubeEvent, context: ExplainContext): Promise<DecidedPlacement> {
  const { revision, time, placement, taskId } = event;
  if (placement === undefined) throw new Error('Broken belief: the event has a placement.');
  const decided = { revision, time, placement };
  const { repository, state } = context;
  const basis = placement.basis?.revision ?? revision - 1;
  const log = { repository, floor: () => state.floor };
  const past = await replay(log, { basis, revision });
  const task = past?.tasks.get(taskId ?? '');
  const name = schedulerNames.find((one) => one === placement.scheduler);
  if (past === undefined || task === undefined || name === undefined) return decided;
  const snapshot = createSnapshot({
    nodes: past.nodes.values(),
    tasks: past.tasks.values(),
    lastNode: placement.basis?.lastNode,
  });
  return { ...decided, verdicts: decide(createScheduler(name), task, snapshot).verdicts() };
}
