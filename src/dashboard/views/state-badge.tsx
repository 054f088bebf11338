import type { JSX } from 'preact';
import type { TaskStatus } from '../../task/task-status.ts';

/** What a task is shown as: its state, or that nothing is known of it. */
export type ShownState = TaskStatus['state'] | 'unknown';

/** A letter for each state, so that nobody needs to tell colours apart. */
export const stateLetters: Readonly<Record<ShownState, string>> = {
  pending: 'P',
  scheduled: 'S',
  running: 'R',
  completed: 'C',
  failed: 'F',
  unknown: '?',
};

/** A state in its colour, with its letter and its name. */
export function StateBadge({ state }: { readonly state: ShownState }): JSX.Element {
  return (
    <span class={`badge state-${state}`}>
      <span class="badge-letter" aria-hidden="true">
        {stateLetters[state]}
      </span>
      {state}
    </span>
  );
}
