import { type ReadonlySignal, signal } from '@preact/signals';
import { type Connection, createConnection } from '../../client/connection.ts';
import { type CubeClient, createCubeClient } from '../../client/cube-client.ts';

const TOKEN_KEY = 'cube-token';

/** What a session needs of a browser's window. */
export type SessionWindow = Pick<Window, 'location' | 'sessionStorage'>;

/** How the dashboard speaks to the manager that served it, and with which token. */
export interface Session {
  readonly client: CubeClient;
  /** For what the client has no words for. */
  readonly connection: Connection;
  /** Whether the manager wants a token, or another than it was sent. */
  readonly isRefused: ReadonlySignal<boolean>;
  readonly hasToken: boolean;
  /** Told when the manager has answered that it wants a token. */
  refuse(): void;
  /** Keeps a token for as long as this tab is open, and begins anew with it. */
  enter(token: string): void;
  /** Forgets the token, and begins anew. */
  leave(): void;
}

export function createSession(window: SessionWindow): Session {
  const token = window.sessionStorage.getItem(TOKEN_KEY) ?? undefined;
  const options = { token };
  const isRefused = signal(false);
  const url = window.location.origin;
  return {
    client: createCubeClient({ url, ...options }),
    connection: createConnection('manager', url, options),
    isRefused,
    hasToken: token !== undefined,
    refuse() {
      isRefused.value = true;
    },
    enter(next) {
      window.sessionStorage.setItem(TOKEN_KEY, next);
      window.location.reload();
    },
    leave() {
      window.sessionStorage.removeItem(TOKEN_KEY);
      window.location.reload();
    },
  };
}
