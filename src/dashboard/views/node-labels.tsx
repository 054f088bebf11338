import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { CubeError } from '../../errors/cube-error.ts';
import type { NodeReply } from '../../link/replies.ts';
import { labelNode } from '../model/features.ts';
import { toCubeError } from '../model/to-cube-error.ts';
import { useDashboard } from './dashboard-context.ts';
import { ProblemBanner } from './problem-banner.tsx';

/** The labels of a node; where the manager lets one, they can be set and taken away. */
export function NodeLabels({ node }: { readonly node: NodeReply }): JSX.Element {
  const { session, features, at } = useDashboard();
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<CubeError>();
  const canChange = features.value.label && at.value === undefined;
  const change = async (labels: Readonly<Record<string, string | null>>): Promise<boolean> => {
    setError(undefined);
    try {
      await labelNode(session.connection, node.name, labels);
      return true;
    } catch (thrown) {
      setError(toCubeError(thrown));
      return false;
    }
  };
  const add = async (text: string, form: HTMLFormElement): Promise<void> => {
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (key.trim() === '') {
      const hint = 'Write it as key=value, such as disk=ssd.';
      setError(new CubeError('invalid-input', 'This is not a label.', { hint }));
    } else if (await change({ [key.trim()]: value.trim() })) form.reset();
  };
  const entries = Object.entries(node.labels);
  return (
    <>
      <span class="labels">
        {entries.length === 0 && 'none'}
        {entries.map(([key, value]) => (
          <code key={key} class="label">
            {key}={value}
            {canChange && (
              <button
                type="button"
                class="label-remove"
                aria-label={`Take the label ${key} away`}
                onClick={() => void change({ [key]: null })}
              >
                ✕
              </button>
            )}
          </code>
        ))}
      </span>
      {canChange && (
        <form
          class="label-form"
          onSubmit={(event) => {
            event.preventDefault();
            void add(input.current?.value ?? '', event.currentTarget);
          }}
        >
          <input
            ref={input}
            aria-label={`A label for ${node.name}, as key=value`}
            placeholder="key=value"
            spellcheck={false}
          />
          <button type="submit">Set</button>
        </form>
      )}
      {error !== undefined && <ProblemBanner error={error} />}
    </>
  );
}
