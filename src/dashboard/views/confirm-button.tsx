import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { CubeError } from '../../errors/cube-error.ts';
import { toCubeError } from '../model/to-cube-error.ts';
import { ProblemBanner } from './problem-banner.tsx';

/** A button for what cannot be undone: it asks first, and says so where it failed. */
export function ConfirmButton(props: {
  readonly title: string;
  readonly question: string;
  readonly isDangerous?: boolean;
  readonly onConfirm: () => Promise<void>;
}): JSX.Element {
  const { title, question, isDangerous = false, onConfirm } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<CubeError>();
  const [isBusy, setBusy] = useState(false);
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await onConfirm();
      dialog.current?.close();
      // The button may go away with what it was for, and the focus would be lost with it.
      document.getElementById('main')?.focus({ preventScroll: true });
    } catch (thrown) {
      setError(toCubeError(thrown));
    } finally {
      setBusy(false);
    }
  };
  const kind = isDangerous ? 'dangerous' : 'primary';
  return (
    <>
      <button
        type="button"
        class={kind}
        onClick={() => {
          setError(undefined);
          dialog.current?.showModal();
        }}
      >
        {title}
      </button>
      <dialog ref={dialog} aria-label={title}>
        <p>{question}</p>
        {error !== undefined && <ProblemBanner error={error} />}
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button
            type="button"
            class={kind}
            disabled={isBusy}
            onClick={() => {
              confirm().catch((thrown: unknown) => setError(toCubeError(thrown)));
            }}
          >
            {title}
          </button>
        </div>
      </dialog>
    </>
  );
}
