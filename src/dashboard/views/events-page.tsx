import type { JSX } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { EventReply } from '../../client/event-stream.ts';
import type { CubeError } from '../../errors/cube-error.ts';
import { eventTypes } from '../../event/event.ts';
import type { ClusterCopy } from '../model/cluster-copy.ts';
import { describeEvent } from '../model/describe-event.ts';
import { readEventsBefore } from '../model/event-pages.ts';
import { toCubeError } from '../model/to-cube-error.ts';
import { useDashboard } from './dashboard-context.ts';
import { ProblemBanner } from './problem-banner.tsx';
import { SearchField } from './task-filters.tsx';
import { TravelButton } from './travel-button.tsx';
import { VirtualBox } from './virtual-box.tsx';

const ROW_HEIGHT = 44;

/** So many are read by scrolling alone; a filter that little fits would read the whole log. */
const UNASKED_COUNT_MAX = 10_000;

/** What happened in the cluster, the newest first; older events are read as they are scrolled to. */
export function EventsPage({ copy }: { readonly copy: ClusterCopy }): JSX.Element {
  const { at, bar, live } = useDashboard();
  const isNow = at.value === undefined;
  const { query } = bar.address.value;
  const type = query.get('type') ?? '';
  const words = (query.get('q') ?? '').toLowerCase();
  const end = isNow ? undefined : copy.revision.value;
  const { events: older, error, isAll, readMore } = useOlderEvents(end);
  const newer = isNow ? (live.value?.tail.events.value ?? []) : [];
  const all = joinEvents(older, newer);
  const found = all
    .filter((event) => isOfType(event, type) && fits(event, copy, words))
    .toReversed();
  return (
    <>
      <div class="page-head">
        <h1>Events</h1>
        <output class="muted">
          {found.length.toLocaleString()} of {all.length.toLocaleString()} that were read
          {isAll ? `, which are all that are kept${isNow ? '' : ' up to then'}` : ''}
        </output>
      </div>
      <search class="filters">
        <SearchField
          value={query.get('q') ?? ''}
          hint="task, node, id, words"
          onSearch={(text) => bar.update({ q: text === '' ? undefined : text })}
        />
        <label class="field">
          <span class="field-title">Type</span>
          <select
            value={type}
            onChange={({ currentTarget: { value } }) =>
              bar.update({ type: value === '' ? undefined : value })
            }
          >
            <option value="">all but measurements</option>
            <option value="every">every type</option>
            {eventTypes.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
        {!isAll && (
          <button type="button" onClick={readMore}>
            Read older ones
          </button>
        )}
      </search>
      {error !== undefined && <ProblemBanner error={error} />}
      {found.length === 0 ? (
        <NoEvent
          isAll={isAll}
          count={all.length}
          {...(all.length < UNASKED_COUNT_MAX && { onSeen: readMore })}
        />
      ) : (
        <VirtualBox
          class="event-box"
          label="Events, the newest first"
          count={found.length}
          rowHeight={ROW_HEIGHT}
          keyAt={(index) => found[index]?.revision}
          {...(all.length < UNASKED_COUNT_MAX && { onEnd: readMore })}
        >
          {({ first, end, beforePx, afterPx }) => (
            <ol
              class="event-rows"
              style={{ paddingTop: `${beforePx}px`, paddingBottom: `${afterPx}px` }}
            >
              {found.slice(first, end).map((event) => (
                <EventRow key={event.revision} event={event} copy={copy} />
              ))}
            </ol>
          )}
        </VirtualBox>
      )}
    </>
  );
}

/** That nothing fits is said of what was read; meanwhile more of it is. */
function NoEvent(props: {
  readonly isAll: boolean;
  readonly count: number;
  readonly onSeen?: () => void;
}): JSX.Element {
  const { isAll, count, onSeen } = props;
  useEffect(() => {
    if (!isAll) onSeen?.();
  }, [isAll, count, onSeen]);
  return (
    <p class="empty">
      {isAll ? 'No event fits.' : `None of the newest ${count.toLocaleString()} events fits.`}
    </p>
  );
}

function EventRow(props: { readonly event: EventReply; readonly copy: ClusterCopy }): JSX.Element {
  const { event, copy } = props;
  const { bar } = useDashboard();
  const { taskId, node } = event;
  const name = taskId === undefined ? undefined : copy.tasks.get(taskId)?.name;
  return (
    <li class="event-row">
      <TravelButton event={event} />
      <span class="event-type">{event.type}</span>
      <span class="event-subject">
        {taskId !== undefined ? (
          <a href={bar.href(['tasks', taskId])}>{name ?? event.spec?.name ?? taskId}</a>
        ) : node !== undefined ? (
          <a href={bar.href(['nodes', node])}>{node}</a>
        ) : (
          'manager'
        )}
      </span>
      <span class="event-words">{describeEvent(event)}</span>
    </li>
  );
}

/** Measurements are most of a log, and few look for them. */
function isOfType(event: EventReply, type: string): boolean {
  if (type === '') return event.type !== 'node-observed';
  return type === 'every' || event.type === type;
}

function fits(event: EventReply, copy: ClusterCopy, words: string): boolean {
  if (words === '') return true;
  const name = event.taskId === undefined ? '' : (copy.tasks.get(event.taskId)?.name ?? '');
  const text = `${event.type} ${name} ${event.taskId ?? ''} ${event.node ?? ''} ${describeEvent(event)}`;
  return text.toLowerCase().includes(words);
}

/** Both may tell of the same events. */
function joinEvents(
  older: readonly EventReply[],
  newer: readonly EventReply[],
): readonly EventReply[] {
  const last = older.at(-1)?.revision ?? 0;
  return [...older, ...newer.filter(({ revision }) => revision > last)];
}

interface OlderEvents {
  /** Oldest first. */
  readonly events: readonly EventReply[];
  readonly error: CubeError | undefined;
  /** The log has no older ones. */
  readonly isAll: boolean;
  readonly readMore: () => void;
}

/** Events up to a revision, or up to now, read backwards page by page. */
function useOlderEvents(end: number | undefined): OlderEvents {
  const { session, live } = useDashboard();
  const [events, setEvents] = useState<readonly EventReply[]>([]);
  const [error, setError] = useState<CubeError>();
  const [isAll, setAll] = useState(false);
  const reading = useRef<
    { before: number | undefined; isBusy: boolean; stop: AbortController } | undefined
  >(undefined);
  const readMore = useCallback(() => {
    const state = reading.current;
    if (state === undefined || state.isBusy || state.before === undefined) return;
    state.isBusy = true;
    readEventsBefore(session, state.before, state.stop.signal)
      .then((page) => {
        state.before = page.before;
        setEvents((known) => [...page.events, ...known]);
        setAll(page.before === undefined);
        setError(undefined);
      })
      .catch((thrown: unknown) => {
        if (!state.stop.signal.aborted) setError(toCubeError(thrown));
      })
      .finally(() => {
        state.isBusy = false;
      });
  }, [session]);
  useEffect(() => {
    const newest = end ?? live.peek()?.revision.peek() ?? 0;
    const stop = new AbortController();
    reading.current = { before: newest + 1, isBusy: false, stop };
    setEvents([]);
    setAll(false);
    readMore();
    return () => stop.abort();
  }, [end, live, readMore]);
  return { events, error, isAll, readMore };
}
