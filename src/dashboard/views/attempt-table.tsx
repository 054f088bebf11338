import type { JSX } from 'preact';
import type { AttemptRow } from '../model/attempts.ts';
import { formatMoment } from '../model/format-time.ts';
import { StateBadge } from './state-badge.tsx';

/** Every attempt that the log still knows of. */
export function AttemptTable({
  attempts,
}: {
  readonly attempts: readonly AttemptRow[];
}): JSX.Element {
  return (
    <section class="panel" aria-labelledby="attempts">
      <h2 id="attempts">Attempts</h2>
      {attempts.length === 0 ? (
        <p class="muted">It was not placed yet.</p>
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
