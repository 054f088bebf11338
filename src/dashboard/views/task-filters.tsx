import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { type TaskState, taskStates } from '../../task/task-state.ts';
import type { TaskSelection } from '../model/select-tasks.ts';
import { useDashboard } from './dashboard-context.ts';
import { StateBadge } from './state-badge.tsx';

/** What is searched for, in which states, on which node; all of it stands in the address. */
export function TaskFilters(props: {
  readonly selection: TaskSelection;
  readonly nodes: readonly string[];
}): JSX.Element {
  const { selection, nodes } = props;
  const { bar } = useDashboard();
  const toggle = (state: TaskState): void => {
    const { states } = selection;
    const next = states.includes(state)
      ? states.filter((one) => one !== state)
      : [...states, state];
    bar.update({ state: next.length === 0 ? undefined : next.join(',') });
  };
  const set = (field: string, value: string): void =>
    bar.update({ [field]: value === '' ? undefined : value });
  return (
    <search class="filters">
      <SearchField
        value={selection.search}
        hint="name, id, image, label, node, reason"
        onSearch={(text) => set('q', text)}
      />
      <label class="field">
        <span class="field-title">Node</span>
        <select value={selection.node} onChange={(event) => set('node', event.currentTarget.value)}>
          <option value="">every node</option>
          {withChosen(nodes, selection.node).map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <fieldset class="chips">
        <legend class="field-title">States</legend>
        {taskStates.map((state) => (
          <button
            key={state}
            type="button"
            class="chip"
            aria-pressed={selection.states.includes(state)}
            onClick={() => toggle(state)}
          >
            <StateBadge state={state} />
          </button>
        ))}
      </fieldset>
    </search>
  );
}

/** The node of an old link may have gone. */
function withChosen(nodes: readonly string[], chosen: string): readonly string[] {
  return chosen === '' || nodes.includes(chosen) ? nodes : [...nodes, chosen];
}

/** A field to search in, to which the key `/` leads from anywhere on the page. */
export function SearchField(props: {
  readonly value: string;
  /** What can be searched for. */
  readonly hint: string;
  readonly onSearch: (text: string) => void;
}): JSX.Element {
  const { value, hint, onSearch } = props;
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event;
      const isTyping =
        target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <label class="field field-search">
      <span class="field-title">
        Search <kbd>/</kbd>
      </span>
      <input
        ref={input}
        type="search"
        value={value}
        placeholder={hint}
        spellcheck={false}
        onInput={(event) => onSearch(event.currentTarget.value)}
      />
    </label>
  );
}
