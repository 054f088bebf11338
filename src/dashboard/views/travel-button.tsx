import type { JSX } from 'preact';
import type { EventReply } from '../../client/event-stream.ts';
import { formatMoment, formatRecent } from '../model/format-time.ts';
import { useDashboard } from './dashboard-context.ts';

/** The time of an event, as a button that shows every page as it was right after it. */
export function TravelButton({ event }: { readonly event: EventReply }): JSX.Element {
  const { bar } = useDashboard();
  const shown = formatRecent(event.time);
  return (
    <button
      type="button"
      class="travel"
      title={`${formatMoment(event.time)}: show the cluster as it was then (revision ${event.revision})`}
      aria-label={`${shown}: show the cluster as it was then`}
      onClick={() => bar.update({ at: String(event.revision) }, { keep: true })}
    >
      <time dateTime={event.time}>{shown}</time>
    </button>
  );
}
