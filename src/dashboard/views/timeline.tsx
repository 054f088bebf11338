import type { JSX } from 'preact';
import type { EventReply } from '../../client/event-stream.ts';
import { describeEvent } from '../model/describe-event.ts';
import { TravelButton } from './travel-button.tsx';

/** What happened to a task, the newest first. */
export function Timeline({ events }: { readonly events: readonly EventReply[] }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      {events.length === 0 && <p class="muted">No event of it is kept any more.</p>}
      <ol class="timeline">
        {events.toReversed().map((event) => (
          <li key={event.revision} class={`event event-${event.after ?? 'other'}`}>
            <TravelButton event={event} />
            <span class="event-type">{event.type}</span>
            <span class="muted event-actor">{event.actor}</span>
            <span class="event-words">{describeEvent(event)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
