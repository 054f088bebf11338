import type { JSX } from 'preact';
import type { ExplanationReply } from '../../link/replies.ts';
import type { Placement, Verdict } from '../../task/placement.ts';
import type { TaskStatus } from '../../task/task-status.ts';
import { formatMoment } from '../model/format-time.ts';

/** Why a task is where it is, why not elsewhere, and what would let a waiting one run. */
export function PlacementPanel(props: {
  readonly explanation: ExplanationReply | undefined;
  readonly status: TaskStatus;
}): JSX.Element {
  const { explanation, status } = props;
  const { decided, now, advice = [] } = explanation ?? {};
  return (
    <section class="panel" aria-labelledby="placement">
      <h2 id="placement">Placement</h2>
      {decided === undefined && now === undefined && (
        <p class="muted">No decision was taken, or its event is not kept any more.</p>
      )}
      {advice.length > 0 && (
        <div class="banner">
          <p>What would let it run:</p>
          <ul>
            {advice.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </div>
      )}
      {now !== undefined && (
        <Decision
          title="Now"
          placement={now.placement}
          verdicts={now.verdicts}
          chosen={undefined}
        />
      )}
      {decided !== undefined && (now === undefined || decided.placement.node !== undefined) && (
        <Decision
          title={`Decided ${formatMoment(decided.time)}, revision ${decided.revision}`}
          placement={decided.placement}
          verdicts={decided.verdicts}
          chosen={decided.placement.node ?? status.node}
        />
      )}
    </section>
  );
}

const VERDICT_COUNT_MAX = 50;

function Decision(props: {
  readonly title: string;
  readonly placement: Placement;
  readonly verdicts: readonly Verdict[] | undefined;
  readonly chosen: string | undefined;
}): JSX.Element {
  const { title, placement, verdicts = [], chosen } = props;
  const { node, feasibleCount, nodeCount, scheduler, best, rejected } = placement;
  const sorted = verdicts.toSorted((a, b) => (a.score ?? Infinity) - (b.score ?? Infinity));
  const known = sorted.length > 0 ? sorted : best.map((one) => ({ ...one, rejections: [] }));
  return (
    <>
      <h3>{title}</h3>
      <p>
        {node === undefined ? 'No node could take it' : `${node} was chosen`}: {feasibleCount} of{' '}
        {nodeCount} nodes could take it, says the scheduler {scheduler}.
        {best.length > 0 && ' A lower score is better.'}
      </p>
      <ul class="verdicts">
        {known.slice(0, VERDICT_COUNT_MAX).map((verdict) => (
          <li key={verdict.node}>
            <strong>{verdict.node}</strong>{' '}
            {verdict.node === chosen && <span class="chosen">chosen</span>}{' '}
            {verdict.score !== undefined && `score ${Number(verdict.score.toPrecision(4))}`}
            {verdict.rejections.map(({ message }) => message).join(' ')}
          </li>
        ))}
      </ul>
      {known.length > VERDICT_COUNT_MAX && (
        <p class="muted">and {known.length - VERDICT_COUNT_MAX} more nodes</p>
      )}
      {verdicts.length === 0 && rejected.length > 0 && (
        <ul>
          {rejected.map((one) => (
            <li key={one.code}>
              {one.nodeCount} refused: {one.nearest.node}: {one.nearest.rejection.message}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
