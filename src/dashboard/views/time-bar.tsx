import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { systemClock, type Timer } from '../../lib/clock.ts';
import { describeEvent } from '../model/describe-event.ts';
import { formatMoment } from '../model/format-time.ts';
import type { PastCopy } from '../model/past-copy.ts';
import { useDashboard } from './dashboard-context.ts';

/** While the slider is dragged the past is read at most so often, in milliseconds. */
const DRAG_MS = 120;

/**
 * A slider over the events that are kept: each of its steps is one event, and wherever it stands,
 * every page shows the cluster as it was right after that event.
 */
export function TimeBar(): JSX.Element {
  const { at, bar, live, past, problem } = useDashboard();
  const dragged = useSignal<number | undefined>(undefined);
  const timer = useRef<Timer>(undefined);
  const newest = live.value?.revision.value ?? 0;
  const floor = live.value?.status.value?.floor ?? 0;
  const read = past.value?.revision.value;
  const revision = at.value === undefined ? newest : (read ?? toRevision(at.value, newest));
  const shown = dragged.value ?? revision;
  const isPast = dragged.value === undefined ? at.value !== undefined : shown < newest;
  const travel = (to: number): void => {
    const next = Math.max(floor, Math.min(newest, to));
    dragged.value = next;
    timer.current?.cancel();
    timer.current = systemClock.setTimer(DRAG_MS, () => {
      timer.current = undefined;
      bar.update({ at: next >= newest ? undefined : String(next) });
    });
  };
  useEffect(() => () => timer.current?.cancel(), []);
  const isThere = at.value === undefined || read === dragged.value || problem.value !== undefined;
  // Until then the next step begins where this one goes to, and not where the last one came from.
  useEffect(() => {
    if (isThere && timer.current === undefined) dragged.value = undefined;
  }, [isThere, at.value, dragged]);
  return (
    <section class={`time-bar ${isPast ? 'is-past' : ''}`} aria-label="Time">
      <div class="time-row">
        <button
          type="button"
          title="One event back"
          aria-label="One event back"
          onClick={() => travel(shown - 1)}
        >
          ‹
        </button>
        <input
          type="range"
          aria-label="Moment that is looked at, by revision"
          aria-valuetext={isPast ? `revision ${shown}, in the past` : 'now'}
          min={floor}
          max={newest}
          value={shown}
          onInput={(event) => travel(Number(event.currentTarget.value))}
        />
        <button
          type="button"
          title="One event on"
          aria-label="One event on"
          onClick={() => travel(shown + 1)}
        >
          ›
        </button>
        <button
          type="button"
          class="now"
          disabled={!isPast}
          onClick={() => bar.update({ at: undefined }, { keep: true })}
        >
          Now
        </button>
      </div>
      <MomentLine shown={shown} isPast={isPast} />
    </section>
  );
}

/** Says which moment is looked at, and takes another one by its time. */
function MomentLine(props: { readonly shown: number; readonly isPast: boolean }): JSX.Element {
  const { shown, isPast } = props;
  const { at, bar, live, past, problem } = useDashboard();
  const copy = past.value;
  const input = useRef<HTMLInputElement>(null);
  const isNow = at.value === undefined;
  useEffect(() => {
    // Otherwise the same time could not be chosen once more.
    if (isNow && input.current !== null) input.current.value = '';
  }, [isNow]);
  const jump = (text: string): void => {
    const timeMs = Date.parse(text);
    if (!Number.isFinite(timeMs)) return;
    const next = timeMs > systemClock.now() ? undefined : new Date(timeMs).toISOString();
    bar.update({ at: next }, { keep: true });
  };
  return (
    <div class="time-row">
      <output class="moment">
        {isPast ? (
          <>
            <strong>The past:</strong>{' '}
            {copy?.revision.value === shown
              ? describeMoment(copy)
              : `revision ${shown.toLocaleString()}${problem.value === undefined ? ', reading …' : ''}`}
          </>
        ) : (
          `Now, revision ${shown.toLocaleString()}`
        )}
        {live.value?.link.value === 'interrupted' && (
          <strong class="link-lost"> Connection lost, trying again</strong>
        )}
      </output>
      <label class="jump">
        <span class="field-title">At</span>
        <input
          ref={input}
          type="datetime-local"
          step={1}
          aria-label="Look at the cluster at this time"
          onChange={(event) => jump(event.currentTarget.value)}
        />
      </label>
    </div>
  );
}

function describeMoment(copy: PastCopy): string {
  const { event, tasks } = copy;
  const revision = `revision ${copy.revision.value.toLocaleString()}`;
  if (event === undefined) return `${revision}, where the log that is kept begins`;
  const task = event.taskId === undefined ? undefined : tasks.get(event.taskId);
  const subject = task?.name ?? event.taskId ?? event.node;
  const of = subject === undefined ? '' : `, ${subject}`;
  return `${formatMoment(event.time)}, ${revision}${of}: ${describeEvent(event)}`;
}

function toRevision(moment: number | string | undefined, newest: number): number {
  return typeof moment === 'number' ? moment : newest;
}
