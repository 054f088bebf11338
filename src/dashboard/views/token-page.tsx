import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Session } from '../model/session.ts';

/** Asks for the token, which stays in this tab. */
export function TokenPage({ session }: { readonly session: Session }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  const [isOdd, setOdd] = useState(false);
  return (
    <main class="token-page">
      <h1>Cube</h1>
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          const token = input.current?.value.trim() ?? '';
          const isSendable = /^[\x21-\x7e]+$/.test(token);
          setOdd(!isSendable);
          if (isSendable) session.enter(token);
        }}
      >
        {isOdd && (
          <p class="banner banner-problem" role="alert">
            A token has letters without accents, digits and signs, and no spaces.
          </p>
        )}
        {session.hasToken && !isOdd && (
          <p class="banner banner-problem" role="alert">
            The manager does not take this token.
          </p>
        )}
        <label class="field">
          <span class="field-title">Token</span>
          <input
            ref={input}
            type="password"
            autocomplete="off"
            autofocus
            spellcheck={false}
            required
          />
        </label>
        <p class="muted">
          It is what the manager was started with, by --token-file or CUBE_TOKEN. This tab keeps it
          until it is closed.
        </p>
        <button type="submit" class="primary">
          Go on
        </button>
      </form>
    </main>
  );
}
