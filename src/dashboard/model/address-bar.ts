import { type ReadonlySignal, signal } from '@preact/signals';

/** Where the dashboard is: the part of the browser's address behind the `#`. */
interface Address {
  /** Its steps, decoded: `['tasks', ID]`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

/** What the address bar needs of a browser's window. */
export type AddressWindow = Pick<Window, 'location' | 'history' | 'addEventListener'>;

/**
 * The browser's address as the one place that says which page is shown, of which moment and with
 * which filter, so that any view can be kept as a bookmark or sent to somebody.
 */
export interface AddressBar {
  readonly address: ReadonlySignal<Address>;
  /** The address of a page. The moment that is looked at is kept. */
  href(path: readonly string[], query?: Readonly<Record<string, string>>): string;
  /**
   * Changes the query of the page that is shown; undefined removes a field. Makes an entry in the
   * browser's history only where `keep` asks for one.
   */
  update(
    fields: Readonly<Record<string, string | undefined>>,
    options?: { readonly keep?: boolean },
  ): void;
}

export function createAddressBar(window: AddressWindow): AddressBar {
  const address = signal(parseAddress(window.location.hash));
  const read = (): void => {
    address.value = parseAddress(window.location.hash);
  };
  window.addEventListener('hashchange', read);
  window.addEventListener('popstate', read);
  return {
    address,
    href(path, query = {}) {
      const at = address.value.query.get('at');
      return formatAddress(path, new URLSearchParams({ ...query, ...(at === null ? {} : { at }) }));
    },
    update(fields, { keep = false } = {}) {
      const { path, query } = parseAddress(window.location.hash);
      for (const [key, value] of Object.entries(fields)) {
        if (value === undefined) query.delete(key);
        else query.set(key, value);
      }
      const next = formatAddress(path, query);
      if (keep) window.history.pushState(null, '', next);
      else window.history.replaceState(null, '', next);
      read();
    },
  };
}

/** Reads what stands behind the `#`; what cannot be decoded is taken as it is. */
export function parseAddress(hash: string): Address {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const steps = path.split('/').filter((step) => step !== '');
  return { path: steps.map(decode), query: new URLSearchParams(query) };
}

export function formatAddress(path: readonly string[], query: URLSearchParams): string {
  const search = query.size === 0 ? '' : `?${query}`;
  return `#/${path.map(encodeURIComponent).join('/')}${search}`;
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
