import type { JSX } from 'preact';
import type { TaskReply } from '../../link/replies.ts';
import { describeHealthCheck, describeRequest, describeRestart } from '../model/describe-spec.ts';
import { formatMoment } from '../model/format-time.ts';
import { visibleText } from '../model/plain-log-text.ts';
import { programOf } from '../model/task-row.ts';
import { useDashboard } from './dashboard-context.ts';
import { Fact } from './fact.tsx';

/** What was asked of a task, and how it is. */
export function TaskFacts({ task }: { readonly task: TaskReply }): JSX.Element {
  const { bar } = useDashboard();
  const { spec, status } = task;
  const time = (moment: string | undefined): string | undefined =>
    moment === undefined ? undefined : formatMoment(moment);
  const ports = status.ports?.map(
    ({ host, container, address, protocol }) => `${address}:${host} → ${container}/${protocol}`,
  );
  return (
    <section class="panel" aria-labelledby="facts">
      <h2 id="facts">Status</h2>
      <dl class="facts">
        <Fact name="Id">
          <code>{task.id}</code>
        </Fact>
        <Fact name="Runs">
          <code>{visibleText(programOf(spec))}</code> <span class="muted">({spec.runtime})</span>
        </Fact>
        <Fact name="Node">
          {status.node !== undefined && (
            <a href={bar.href(['nodes', status.node])}>{status.node}</a>
          )}
        </Fact>
        <Fact name="Silent since">{time(task.observedAt)}</Fact>
        <Fact name="Why">{status.reason?.message}</Fact>
        <Fact name="Progress">{status.progress}</Fact>
        <Fact name="Health">{status.health ?? (spec.health && 'not yet known')}</Fact>
        <Fact name="Health check">{spec.health && describeHealthCheck(spec.health)}</Fact>
        <Fact name="Attempt">{status.attempt}</Fact>
        <Fact name="Restarts">{status.restartCount}</Fact>
        <Fact name="Restart policy">{describeRestart(spec.restart)}</Fact>
        <Fact name="Exit code">{status.exitCode}</Fact>
        <Fact name="Submitted">{time(task.createdAt)}</Fact>
        <Fact name="Started">{time(status.startedAt)}</Fact>
        <Fact name="Ended">{time(status.finishedAt)}</Fact>
        <Fact name="Asked for">{describeRequest(spec)}</Fact>
        <Fact name="Ports">{ports?.join(', ')}</Fact>
        <Fact name="Runtime id">{status.runtimeId && <code>{status.runtimeId}</code>}</Fact>
        <Fact name="Labels">
          {Object.entries(spec.labels)
            .map(([key, value]) => visibleText(`${key}=${value}`))
            .join(', ')}
        </Fact>
      </dl>
      <details>
        <summary>Specification</summary>
        <pre class="json">
          {JSON.stringify(spec, undefined, 2).split('\n').map(visibleText).join('\n')}
        </pre>
      </details>
    </section>
  );
}
