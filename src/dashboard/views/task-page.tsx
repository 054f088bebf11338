import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { CubeError } from '../../errors/cube-error.ts';
import { systemClock, type Timer } from '../../lib/clock.ts';
import { attemptsOf } from '../model/attempts.ts';
import type { ClusterCopy } from '../model/cluster-copy.ts';
import { restartTask } from '../model/features.ts';
import { readTaskDetail, type TaskDetail } from '../model/task-detail.ts';
import { isEnded } from '../model/task-row.ts';
import { toCubeError } from '../model/to-cube-error.ts';
import { AttemptTable } from './attempt-table.tsx';
import { ConfirmButton } from './confirm-button.tsx';
import { useDashboard } from './dashboard-context.ts';
import { LogPanel } from './log-panel.tsx';
import { PlacementPanel } from './placement-panel.tsx';
import { ProblemBanner } from './problem-banner.tsx';
import { StateBadge } from './state-badge.tsx';
import { TaskFacts } from './task-facts.tsx';
import { Timeline } from './timeline.tsx';

/** Events that come close together are read once, in milliseconds. */
const REFRESH_MS = 150;

/** When what could not be reached is tried again, in milliseconds. */
const RETRY_MS = 2000;

/** One task: what it is, what happened to it and why, and what it says. */
export function TaskPage(props: { readonly id: string; readonly copy: ClusterCopy }): JSX.Element {
  const { id, copy } = props;
  const { at, bar } = useDashboard();
  const revision = at.value === undefined ? undefined : copy.revision.value;
  const { detail, error } = useTaskDetail(id, revision);
  if (error !== undefined && detail === undefined) {
    return (
      <>
        <h1>Task</h1>
        <ProblemBanner error={error}>
          <a href={bar.href(['tasks'])}>To the tasks</a>
        </ProblemBanner>
      </>
    );
  }
  if (detail === undefined) return <p class="empty">Reading …</p>;
  const { task, events, explanation } = detail;
  const { status, spec, observedAt } = task;
  return (
    <>
      <div class="page-head">
        <h1>{spec.name}</h1>
        <StateBadge state={observedAt === undefined ? status.state : 'unknown'} />
        {status.desired === 'stopped' && status.state !== 'completed' && (
          <span class="muted">to be stopped</span>
        )}
        {at.value === undefined && <TaskButtons detail={detail} />}
      </div>
      {error !== undefined && <ProblemBanner error={error} />}
      <div class="panels">
        <div class="panel-stack">
          <TaskFacts task={task} />
          <AttemptTable attempts={attemptsOf(events)} count={status.attempt} />
        </div>
        <div class="panel-stack">
          <PlacementPanel explanation={explanation} status={status} />
          <Timeline events={events} />
        </div>
      </div>
      <LogPanel key={id} id={id} attempt={status.attempt} />
    </>
  );
}

/** The task, read anew when an event tells of it. */
function useTaskDetail(
  id: string,
  at: number | undefined,
): { readonly detail: TaskDetail | undefined; readonly error: CubeError | undefined } {
  const { session, live } = useDashboard();
  const copy = live.value;
  const [detail, setDetail] = useState<TaskDetail>();
  const [error, setError] = useState<CubeError>();
  useEffect(() => {
    const stop = new AbortController();
    let timer: Timer | undefined;
    const read = (): void => {
      timer = undefined;
      readTaskDetail(session, id, { at, signal: stop.signal }).then(
        (next) => {
          setDetail(next);
          setError(undefined);
        },
        (thrown: unknown) => {
          if (stop.signal.aborted) return;
          const problem = toCubeError(thrown);
          setError(problem);
          if (problem.retryable) timer ??= systemClock.setTimer(RETRY_MS, read);
        },
      );
    };
    read();
    const silence = copy?.listen(({ taskId }) => {
      if (taskId === id && at === undefined) timer ??= systemClock.setTimer(REFRESH_MS, read);
    });
    return () => {
      stop.abort();
      timer?.cancel();
      silence?.();
    };
  }, [session, copy, id, at]);
  const isOther = detail !== undefined && detail.task.id !== id;
  return { detail: isOther ? undefined : detail, error };
}

function TaskButtons({ detail: { task } }: { readonly detail: TaskDetail }): JSX.Element {
  const { session, features } = useDashboard();
  const { id, spec, status } = task;
  // What was stopped or has completed is never started again, and what waits is about to be.
  const canRestart = status.desired === 'running' && !/pending|completed/.test(status.state);
  const isOver = isEnded(status);
  return (
    <div class="buttons">
      {features.value.restart && canRestart && (
        <ConfirmButton
          title="Restart"
          question={`End what runs of ${spec.name}, and start it again?`}
          onConfirm={() => restartTask(session.connection, id)}
        />
      )}
      {!isOver && status.desired === 'running' && (
        <ConfirmButton
          title="Stop"
          question={`Stop ${spec.name}? It will not be started again.`}
          isDangerous
          onConfirm={async () => {
            await session.client.stop(id);
          }}
        />
      )}
    </div>
  );
}
