import type { JSX } from 'preact';
import type { AttemptRow } from '../model/attempts.ts';
import { formatMoment } from '../model/format-time.ts';
import { StateBadge } from './state-badge.tsx';

/** Every attempt that the log still knows of. */
export function AttemptTable(props: {
  readonly attempts: readonly AttemptRow[];
  /** How many attempts there were, whether or not the log still tells of them. */
  readonly count: number;
}): JSX.Element {
  const { attempts, count } = props;
  const words = count === 0 ? 'It has not been placed.' : 'No event of them is kept any more.';
  return (
    <section class="panel" aria-labelledby="attempts">
      <h2 id="attempts">Attempts</h2>
      {attempts.length === 0 ? (
        <p class="muted">{words}</p>
      ) : (
        <ol class="attempts">
          {attempts.map((attempt) => (
            <li key={attempt.number}>
              <strong>{attempt.number}</strong> <Outcome attempt={attempt} />{' '}
              {attempt.node === undefined ? '' : `on ${attempt.node}`}
              {attempt.startedAt === undefined ? '' : `, from ${formatMoment(attempt.startedAt)}`}
              {attempt.endedAt === undefined ? '' : ` to ${formatMoment(attempt.endedAt)}`}
              {attempt.exitCode === undefined ? '' : `, exit code ${attempt.exitCode}`}
              {attempt.reason === undefined ? '' : `. ${attempt.reason}`}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Outcome({ attempt }: { readonly attempt: AttemptRow }): JSX.Element {
  const { outcome, startedAt } = attempt;
  if (outcome === 'replaced') return <span class="badge replaced">replaced</span>;
  return <StateBadge state={outcome ?? (startedAt === undefined ? 'scheduled' : 'running')} />;
}
