import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { countOf } from '../model/count-of.ts';
import { formatClock } from '../model/format-time.ts';
import { LogFeed, type LogState, type ShownLine } from '../model/log-feed.ts';
import { splitMatches } from '../model/plain-log-text.ts';
import { useDashboard } from './dashboard-context.ts';
import { ProblemBanner } from './problem-banner.tsx';
import { VirtualBox } from './virtual-box.tsx';

const LINE_HEIGHT = 20;

/** What a task says, as it says it. In the past: up to then. */
export function LogPanel(props: { readonly id: string; readonly attempt: number }): JSX.Element {
  const { id, attempt } = props;
  const hasRun = attempt > 0;
  const { at, past } = useDashboard();
  const feed = useLogFeed(id, attempt);
  const search = useSignal('');
  const onlyMatches = useSignal(false);
  const until = at.value === undefined ? undefined : past.value?.event?.time;
  const kept = feed.lines.value.filter(
    ({ time }) => until === undefined || time === undefined || time <= until,
  );
  const needle = search.value.toLowerCase();
  const matches =
    needle === '' ? kept : kept.filter(({ text }) => text.toLowerCase().includes(needle));
  const lines = onlyMatches.value ? matches : kept;
  const isTimed = kept.every(({ time }) => time !== undefined);
  const counted = `${feed.isCut ? 'the last ' : ''}${countOf(kept.length, 'line')}`;
  const state = feed.state.value;
  return (
    <section class="panel logs" aria-labelledby="logs">
      <div class="logs-head">
        <h2 id="logs">Output</h2>
        <label class="field">
          <span class="field-title">Search the output</span>
          <input
            type="search"
            value={search.value}
            spellcheck={false}
            onInput={(event) => {
              search.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={onlyMatches.value}
            onChange={(event) => {
              onlyMatches.value = event.currentTarget.checked;
            }}
          />
          only matches
        </label>
        <output class="muted">
          {needle === '' ? counted : `${matches.length.toLocaleString()} of ${counted} match`}
          {hasRun && at.value === undefined ? wordsOf(state) : ''}
        </output>
      </div>
      {state.kind === 'failed' && <ProblemBanner error={state.error} />}
      {at.value !== undefined && (
        <p class="muted">
          Output is kept of the latest attempt only.{' '}
          {isTimed
            ? 'What came after this moment is hidden.'
            : 'These lines have no times, so what came after this moment is here as well.'}
        </p>
      )}
      {lines.length === 0 ? (
        <p class="empty">{hasRun ? 'Nothing.' : 'It has not run.'}</p>
      ) : (
        <VirtualBox
          class="log-box"
          label="Lines of output"
          count={lines.length}
          rowHeight={LINE_HEIGHT}
          keyAt={(index) => lines[index]?.number}
          sticksToEnd
        >
          {({ first, end, beforePx, afterPx }) => (
            <ol
              class="log-lines"
              style={{ paddingTop: `${beforePx}px`, paddingBottom: `${afterPx}px` }}
            >
              {lines.slice(first, end).map((line) => (
                <Line key={line.number} line={line} search={needle} />
              ))}
            </ol>
          )}
        </VirtualBox>
      )}
    </section>
  );
}

function wordsOf({ kind }: LogState): string {
  if (kind === 'following') return ', following';
  return kind === 'interrupted' ? ', connection lost, trying again' : '';
}

function useLogFeed(id: string, attempt: number): LogFeed {
  const { session } = useDashboard();
  const [feed, setFeed] = useState(() => new LogFeed());
  useEffect(() => {
    if (attempt === 0) return;
    const stop = new AbortController();
    const next = new LogFeed();
    setFeed(next);
    next.run(session, id, { document, signal: stop.signal }).catch(() => undefined);
    return () => stop.abort();
  }, [session, id, attempt]);
  return feed;
}

function Line(props: { readonly line: ShownLine; readonly search: string }): JSX.Element {
  const { line, search } = props;
  const { stream, time, text } = line;
  return (
    <li class={`log-line log-${stream}`}>
      <span class="log-time">{time === undefined ? '' : formatClock(time)}</span>
      <span class="log-stream">{stream === 'stderr' ? 'err' : ''}</span>
      <span class="log-text">
        {splitMatches(text, search).map((part) =>
          part.isMatch ? <mark key={part.at}>{part.text}</mark> : part.text,
        )}
      </span>
    </li>
  );
}
