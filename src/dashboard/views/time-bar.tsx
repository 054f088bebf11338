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
  const { at, bar, live, past } = useDashboard();
  const dragged = useSignal<number | undefined>(undefined);
  const timer = useRef<Timer>(undefined);
  const newest = live.value?.revision.value ?? 0;
  const floor = live.value?.status.value?.floor ?? 0;
  const isPast = at.value !== undefined;
  const revision = isPast ? (past.value?.revision.value ?? toRevision(at.value, newest)) : newest;
  const shown = dragged.value ?? revision;
  const travel = (to: number): void => {
    const next = Math.max(floor, Math.min(newest, to));
    dragged.value = next;
    timer.current?.cancel();
    timer.current = systemClock.setTimer(DRAG_MS, () => {
      bar.update({ at: next >= newest ? undefined : String(next) });
      dragged.value = undefined;
    });
  };
  useEffect(() => () => timer.current?.cancel(), []);
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
          onClick={() => bar.update({ at: undefined })}
        >
          Now
        </button>
      </div>
      <MomentLine shown={shown} />
    </section>
  );
}

/** Says which moment is looked at, and takes another one by its time. */
function MomentLine({ shown }: { readonly shown: number }): JSX.Element {
  const { at, bar, live, past } = useDashboard();
  const copy = past.value;
  const jump = (text: string): void => {
    const timeMs = Date.parse(text);
    if (Number.isFinite(timeMs)) bar.update({ at: new Date(timeMs).toISOString() }, { keep: true });
  };
  return (
    <div class="time-row">
      <output class="moment">
        {at.value === undefined ? (
          <>
            Now, revision {shown.toLocaleString()}
            {live.value?.link.value === 'interrupted' ? ' (connection lost, trying again)' : ''}
          </>
        ) : (
          <>
            <strong>The past:</strong> {copy === undefined ? 'reading …' : describeMoment(copy)}
          </>
        )}
      </output>
      <label class="jump">
        <span class="field-title">At</span>
        <input
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
  if (event === undefined) return `${revision}, the oldest that is kept`;
  const task = event.taskId === undefined ? undefined : tasks.get(event.taskId);
  const subject = task?.name ?? event.taskId ?? event.node;
  const of = subject === undefined ? '' : `, ${subject}`;
  return `${formatMoment(event.time)}, ${revision}${of}: ${describeEvent(event)}`;
}

function toRevision(moment: number | string | undefined, newest: number): number {
  return typeof moment === 'number' ? moment : newest;
}
