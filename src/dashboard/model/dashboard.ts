import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import type { Moment } from '../../client/cube-client.ts';
import type { CubeError } from '../../errors/cube-error.ts';
import { sleep, systemClock } from '../../lib/clock.ts';
import { type AddressBar, createAddressBar } from './address-bar.ts';
import type { ClusterCopy } from './cluster-copy.ts';
import { type Features, noFeatures, readFeatures } from './features.ts';
import { LiveCopy } from './live-copy.ts';
import { type PastCopy, readPastCopy } from './past-copy.ts';
import { createSession, type Session } from './session.ts';
import { toCubeError } from './to-cube-error.ts';

/** Everything that the views show, and the few things that they can do. */
export interface Dashboard {
  readonly session: Session;
  readonly bar: AddressBar;
  /** The moment that is looked at; undefined for now. */
  readonly at: ReadonlySignal<Moment | undefined>;
  readonly live: ReadonlySignal<LiveCopy | undefined>;
  readonly past: ReadonlySignal<PastCopy | undefined>;
  /** What is to be seen: the cluster at the moment that is looked at. */
  readonly shown: ReadonlySignal<ClusterCopy | undefined>;
  /** Why the cluster cannot be shown as it is, or as it was. */
  readonly problem: ReadonlySignal<CubeError | undefined>;
  readonly features: ReadonlySignal<Features>;
}

const RETRY_MS = 1000;
const RETRY_MS_MAX = 10_000;

/** Begins to read and to follow, for as long as the page lives. */
export function startDashboard(window: Window): Dashboard {
  const session = createSession(window);
  const bar = createAddressBar(window);
  const at = computed(() => toMoment(bar.address.value.query.get('at')));
  const live = signal<LiveCopy>();
  const features = signal(noFeatures);
  const liveProblem = signal<CubeError>();
  const onFailure = (error: CubeError): void => {
    if (error.code === 'unauthorized') session.refuse();
    else liveProblem.value = error;
  };
  followForEver({
    session,
    window,
    onFailure,
    onOpen: async (copy, stop) => {
      live.value = copy;
      liveProblem.value = undefined;
      features.value = await readFeatures(session.connection, stop);
    },
  }).catch((error: unknown) => onFailure(toCubeError(error)));
  const { past, pastProblem } = followMoment(session, at);
  return {
    session,
    bar,
    at,
    live,
    past,
    shown: computed(() => (at.value === undefined ? live.value : past.value)),
    problem: computed(() =>
      at.value === undefined ? liveProblem.value : (pastProblem.value ?? liveProblem.value),
    ),
    features,
  };
}

interface Following {
  readonly session: Session;
  readonly window: Window;
  readonly onOpen: (copy: LiveCopy, stop: AbortSignal) => Promise<void>;
  readonly onFailure: (error: CubeError) => void;
}

/** One live copy after the other, until the manager wants another token. */
async function followForEver(following: Following): Promise<void> {
  const { session, window, onOpen, onFailure } = following;
  let failureCount = 0;
  while (true) {
    const stop = new AbortController();
    try {
      const copy = await LiveCopy.open(session, window.document, stop.signal);
      failureCount = 0;
      await Promise.all([onOpen(copy, stop.signal), copy.run(stop.signal)]);
    } catch (thrown) {
      const error = toCubeError(thrown);
      onFailure(error);
      if (error.code === 'unauthorized') return;
    } finally {
      stop.abort();
    }
    failureCount += 1;
    await sleep(systemClock, Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (failureCount - 1)));
  }
}

/** The cluster as it was at the moment of the address; the one before stays until it is there. */
function followMoment(
  session: Session,
  at: ReadonlySignal<Moment | undefined>,
): {
  readonly past: ReadonlySignal<PastCopy | undefined>;
  readonly pastProblem: ReadonlySignal<CubeError | undefined>;
} {
  const past = signal<PastCopy>();
  const pastProblem = signal<CubeError>();
  effect(() => {
    const moment = at.value;
    pastProblem.value = undefined;
    if (moment === undefined) {
      past.value = undefined;
      return;
    }
    const stop = new AbortController();
    const onOpen = (copy: PastCopy): void => {
      past.value = copy;
      pastProblem.value = undefined;
    };
    const read = async (): Promise<void> => {
      while (true) {
        try {
          await readPastCopy(session, moment, { signal: stop.signal, onOpen });
          return;
        } catch (thrown) {
          if (stop.signal.aborted) return;
          const error = toCubeError(thrown);
          if (error.code === 'unauthorized') session.refuse();
          else pastProblem.value = error;
          // What is still shown is another moment.
          past.value = undefined;
          if (!error.retryable) return;
        }
        await sleep(systemClock, RETRY_MS, stop.signal);
      }
    };
    // Only the end of the wait, since another moment is looked at.
    read().catch(() => undefined);
    return () => stop.abort();
  });
  return { past, pastProblem };
}

function toMoment(text: string | null): Moment | undefined {
  if (text === null || text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  // What is yet to come is not there to be looked at.
  return Date.parse(text) > systemClock.now() ? undefined : text;
}
