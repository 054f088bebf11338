import pLimit from 'p-limit';
import { CubeError } from '../errors/cube-error.ts';
import { type Clock, systemClock } from '../lib/clock.ts';

/** As much of `fetch` as is used; the platform's own fits. */
export type Fetch = (address: string, options: FetchOptions) => Promise<FetchReply>;

interface FetchOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  readonly redirect?: 'manual';
  readonly cache?: 'no-store';
}

export interface FetchReply {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: FetchBody | null;
}

interface FetchBody {
  getReader(): {
    read(): Promise<{ readonly done?: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
  cancel(): Promise<void>;
}

/** What every client can be given. */
export interface ClientOptions {
  /** The bearer token that the other side asks for. */
  readonly token?: string | undefined;
  /** Makes the requests. Default: the platform's `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Measures time-outs and the pauses between attempts. Default: the machine's clock. */
  readonly clock?: Clock | undefined;
  /** How long a request may take in all, and a stream until it begins. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * Requests on their way at once; more wait for their turn, which the time-out does not count.
   * Streams are not among them. Default 64, well below what a manager takes from one address.
   */
  readonly concurrencyMax?: number | undefined;
}

/** Options with their defaults, and the one place that they lead to. */
export interface Connection {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** Who is meant to answer there, for messages. */
  readonly peer: 'manager' | 'worker';
  readonly token: string | undefined;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Calls `request` when it is its turn. */
  readonly inTurn: <Result>(request: () => Promise<Result>) => Promise<Result>;
}

const TIMEOUT_MS = 30_000;

const CONCURRENCY_MAX = 64;

/** @throws CubeError `configuration`, when the address is not one of HTTP or has a path. */
export function createConnection(
  peer: Connection['peer'],
  address: string,
  options: ClientOptions,
): Connection {
  return {
    baseUrl: parseBaseUrl(peer, address),
    peer,
    token: options.token,
    fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
    clock: options.clock ?? systemClock,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    inTurn: pLimit(options.concurrencyMax ?? CONCURRENCY_MAX),
  };
}

function parseBaseUrl(peer: string, address: string): string {
  const url = URL.parse(address);
  const fits =
    url !== null &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === '';
  if (fits) return url.href.replace(/\/+$/, '');
  throw new CubeError(
    'configuration',
    `The address of the ${peer}, "${address.slice(0, 80)}", is not a URL such as http://127.0.0.1:5555.`,
    { hint: 'Give scheme, host and port, and no user, query or fragment.' },
  );
}
