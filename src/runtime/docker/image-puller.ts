import type { Readable } from 'node:stream';
import { z } from 'zod';
import { CubeError, isCubeError, messageOf } from '../../errors/cube-error.ts';
import type { Clock } from '../../lib/clock.ts';
import { formatDuration } from '../../task/quantity.ts';
import type { TaskSpec } from '../../task/task-spec.ts';
import type { StartOptions } from '../runtime.ts';
import { searchPathIn } from './container-facts.ts';
import type { DockerEngine } from './docker-engine.ts';
import { CallTimeout, isRecord, Refusal, refusalError, sentence } from './engine-error.ts';
import { type ImageReference, parseImageReference } from './image-reference.ts';
import { endWhenSilent, readJsonLines } from './json-lines.ts';
import { PullProgress } from './pull-progress.ts';

/** Waits between failed pulls of one image. */
const BACKOFF_MS_MIN = 10_000;
const BACKOFF_MS_MAX = 300_000;

/** Failures of so many images are remembered. */
const FAILURES_COUNT_MAX = 1000;

/** What Cube needs to know of an image. */
export interface ImageFacts {
  /** The reference to give to the engine. */
  readonly reference: string;
  /** Paths for which the image asks for anonymous volumes. */
  readonly volumePaths: readonly string[];
  /** Undefined where the engine does not tell. */
  readonly id: string | undefined;
  /** Where its programs are looked for, and from where. */
  readonly searchPath: string | undefined;
  readonly workingFolder: string;
}

interface Pull {
  readonly promise: Promise<void>;
  readonly abort: AbortController;
  readonly listeners: Set<(progress: string) => void>;
  words: string;
}

interface Failure {
  readonly count: number;
  /** On the monotonic clock. */
  readonly until: number;
  readonly words: string;
}

const imageSchema = z.object({
  Id: z.string().optional().catch(undefined),
  Config: z
    .object({
      Volumes: z.record(z.string(), z.unknown()).nullish(),
      Env: z.array(z.string()).nullish().catch(undefined),
      WorkingDir: z.string().nullish().catch(undefined),
    })
    .nullish()
    .catch(undefined),
});

/**
 * Sees to it that images are there. Starts of one image that come together share one pull, and
 * share the wait after a failed one: 10 s, doubling up to 5 min, during which every start that
 * needs it fails at once with the words of the last failure.
 */
export class ImagePuller {
  readonly #engine: DockerEngine;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #pulls = new Map<string, Pull>();
  readonly #failures = new Map<string, Failure>();

  constructor(options: {
    readonly engine: DockerEngine;
    readonly clock: Clock;
    /** A pull that tells nothing for this long has failed, in milliseconds. */
    readonly silenceMs: number;
  }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#silenceMs = options.silenceMs;
  }

  /** What the engine has by this name; undefined where there is none. Nothing is pulled. */
  find(image: string, signal: AbortSignal): Promise<ImageFacts | undefined> {
    return this.#inspect(parseImageReference(image), signal);
  }

  /**
   * Pulls the image as the policy says.
   *
   * @param found What `find` has just told of it, where the policy lets that do.
   * @throws CubeError `image-missing` with the registry's words.
   */
  async ensure(
    image: string,
    policy: TaskSpec['pull'],
    { found, ...options }: StartOptions & { readonly found?: ImageFacts | undefined },
  ): Promise<ImageFacts> {
    const reference = parseImageReference(image);
    if (found !== undefined) {
      this.#failures.delete(reference.text);
      return found;
    }
    if (policy === 'never') {
      throw new CubeError('image-missing', `Image "${image}" is not there, and "pull" is never.`, {
        hint: `Bring it to the machine (docker pull ${image}), or allow "pull": "if-missing".`,
      });
    }
    this.#throwWhileWaiting(reference, image);
    await this.#join(reference, image, options);
    const pulled = await this.#inspect(reference, options.signal);
    if (pulled !== undefined) return pulled;
    throw new CubeError('image-missing', `Image "${image}" was pulled and is gone again.`);
  }

  #throwWhileWaiting(reference: ImageReference, image: string): void {
    const failure = this.#failures.get(reference.text);
    if (failure === undefined) return;
    const leftMs = failure.until - this.#clock.monotonic();
    if (leftMs > 0) throw pullError(image, failure.words, leftMs);
  }

  async #join(reference: ImageReference, image: string, options: StartOptions): Promise<void> {
    options.signal.throwIfAborted();
    const pull = this.#pulls.get(reference.text) ?? this.#begin(reference, image);
    const { signal, onProgress } = options;
    // A wrapper, so that one listener given by two starts counts twice.
    const listener = (progress: string): void => onProgress(progress);
    pull.listeners.add(listener);
    onProgress(pull.words);
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([pull.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      pull.listeners.delete(listener);
      if (pull.listeners.size === 0) {
        // Nobody waits for it any more. Layers that are complete stay with the engine.
        if (this.#pulls.get(reference.text) === pull) this.#pulls.delete(reference.text);
        pull.abort.abort(new Error('Nobody waits for this pull any more.'));
      }
    }
  }

  #begin(reference: ImageReference, image: string): Pull {
    const abort = new AbortController();
    const progress = new PullProgress(image);
    const onMessage = (message: unknown): void => {
      progress.update(message);
      if (progress.words === pull.words) return;
      pull.words = progress.words;
      for (const listener of pull.listeners) listener(pull.words);
    };
    const promise = this.#pull(reference, { image, signal: abort.signal, onMessage }).finally(
      () => {
        if (this.#pulls.get(reference.text) === pull) this.#pulls.delete(reference.text);
      },
    );
    // Those who join see its outcome; when all have left, nobody is to.
    promise.catch(() => undefined);
    const pull: Pull = { promise, abort, listeners: new Set(), words: progress.words };
    this.#pulls.set(reference.text, pull);
    return pull;
  }

  async #pull(reference: ImageReference, options: PullOptions): Promise<void> {
    const refused = await this.#transfer(reference, options);
    if (refused === undefined) {
      this.#failures.delete(reference.text);
      return;
    }
    const count = (this.#failures.get(reference.text)?.count ?? 0) + 1;
    const waitMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** (count - 1));
    this.#failures.delete(reference.text);
    const until = this.#clock.monotonic() + waitMs;
    this.#failures.set(reference.text, { count, until, words: refused });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > FAILURES_COUNT_MAX && oldest !== undefined) {
      this.#failures.delete(oldest);
    }
    throw pullError(options.image, refused, waitMs);
  }

  /** Why the image could not be pulled; undefined when it was. */
  async #transfer(
    reference: ImageReference,
    { image, signal, onMessage }: PullOptions,
  ): Promise<string | undefined> {
    const stream = await this.#open(reference, { image, signal, onMessage });
    if (stream === undefined) return this.#silence;
    if (stream instanceof Refusal) {
      if (stream.status === 400) throw refusalError(`pull ${image}`, stream);
      return stream.message;
    }
    const error = (): Error => new CubeError('image-missing', this.#silence);
    endWhenSilent(stream, { silenceMs: this.#silenceMs, clock: this.#clock, error });
    try {
      for await (const message of readJsonLines(stream)) {
        const words = errorIn(message);
        if (words !== undefined) return words;
        onMessage(message);
      }
    } catch (thrown) {
      signal.throwIfAborted();
      if (isCubeError(thrown, 'image-missing')) return thrown.message;
      const text = `The connection to Docker broke while ${image} was pulled: ${messageOf(thrown)}`;
      throw new CubeError('runtime-unavailable', text, { cause: thrown });
    } finally {
      stream.destroy();
    }
    return undefined;
  }

  /** undefined when the engine, waiting for the registry, has not begun to answer in time. */
  async #open(
    { repository, tagOrDigest }: ImageReference,
    { image, signal }: PullOptions,
  ): Promise<Readable | Refusal | undefined> {
    try {
      return await this.#engine.open({
        what: `pull ${image}`,
        signal,
        timeoutMs: this.#silenceMs,
        run: (docker, abortSignal) =>
          docker.createImage({ fromImage: repository, tag: tagOrDigest, abortSignal }),
      });
    } catch (error) {
      if (error instanceof CallTimeout) return undefined;
      throw error;
    }
  }

  get #silence(): string {
    return `the registry was silent for ${formatDuration(this.#silenceMs)}`;
  }

  async #inspect({ text }: ImageReference, signal: AbortSignal): Promise<ImageFacts | undefined> {
    const what = `look for image ${text}`;
    const reply = await this.#engine.attempt<unknown>({
      what,
      signal,
      // The one call that the client cannot end; it is small, and its late reply is dropped.
      run: (docker) => docker.getImage(text).inspect(),
    });
    if (reply instanceof Refusal) {
      if (reply.status === 404) return undefined;
      throw refusalError(what, reply);
    }
    const { Id: id, Config } = imageSchema.safeParse(reply).data ?? {};
    return {
      reference: text,
      volumePaths: Object.keys(Config?.Volumes ?? {}),
      id,
      searchPath: searchPathIn(Config?.Env),
      workingFolder: Config?.WorkingDir || '/',
    };
  }
}

interface PullOptions {
  readonly image: string;
  readonly signal: AbortSignal;
  readonly onMessage: (message: unknown) => void;
}

/** A pull that fails half-way has begun with a success; the failure is a message like others. */
function errorIn(message: unknown): string | undefined {
  if (!isRecord(message)) return undefined;
  const { error, errorDetail } = message;
  if (isRecord(errorDetail) && typeof errorDetail['message'] === 'string') {
    return errorDetail['message'];
  }
  return typeof error === 'string' ? error : undefined;
}

function pullError(image: string, words: string, waitMs: number): CubeError {
  const wait = formatDuration(Math.max(1000, Math.ceil(waitMs / 1000) * 1000));
  return new CubeError(
    'image-missing',
    `Image "${image}" could not be pulled: ${sentence(words)} It is not tried again for ${wait}.`,
    { hint: `Try it by hand on the node: docker pull ${image}.` },
  );
}
