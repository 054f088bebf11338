/** What is needed of a browser's document to know whether anybody looks. */
export type VisibleDocument = Pick<
  Document,
  'visibilityState' | 'addEventListener' | 'removeEventListener'
>;

/** Resolves when somebody looks at the page. @throws the signal's reason. */
export function untilVisible(document: VisibleDocument, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (document.visibilityState === 'visible') {
      resolve();
      return;
    }
    const settle = (): void => {
      if (!signal.aborted && document.visibilityState !== 'visible') return;
      document.removeEventListener('visibilitychange', settle);
      signal.removeEventListener('abort', settle);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    document.addEventListener('visibilitychange', settle);
    signal.addEventListener('abort', settle);
  });
}

/**
 * A signal that is aborted when nobody looks any more, or when `signal` is: a browser has few
 * connections for one server, and tabs in the background should leave them to the one that is seen.
 */
export function whileVisible(
  document: VisibleDocument,
  signal: AbortSignal,
): { readonly signal: AbortSignal; readonly release: () => void } {
  const hidden = new AbortController();
  const look = (): void => {
    if (document.visibilityState !== 'visible') hidden.abort();
  };
  document.addEventListener('visibilitychange', look);
  look();
  return {
    signal: AbortSignal.any([signal, hidden.signal]),
    release: () => document.removeEventListener('visibilitychange', look),
  };
}
