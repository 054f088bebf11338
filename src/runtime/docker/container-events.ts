import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Random } from '../../lib/random.ts';
import type { RuntimeEvent } from '../runtime.ts';
import { type Labels, labelFilters, ownerOf } from './container-labels.ts';
import type { DockerEngine } from './docker-engine.ts';
import { isRecord, Refusal, refusalError } from './engine-error.ts';
import { readJsonLines } from './json-lines.ts';

/** What may change an instance. Those of health checks come in floods and change nothing. */
const ACTIONS = ['start', 'restart', 'die', 'oom', 'pause', 'unpause', 'destroy', 'rename'];

/** Waits between attempts to reconnect. */
const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 5000;

/** Tells what happens to the containers of one worker, across restarts of the engine. */
export class ContainerEvents {
  readonly #engine: DockerEngine;
  readonly #worker: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;

  constructor(options: {
    readonly engine: DockerEngine;
    readonly worker: string;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
  }) {
    this.#engine = options.engine;
    this.#worker = options.worker;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#logger = options.logger;
  }

  /**
   * See `Runtime.events`. Each time a connection stands, `resync` comes first, the first time
   * too: whoever looks then misses nothing. The engine is asked for what came since the last event
   * as well; but it remembers only some, and after its own restart none.
   */
  async *read(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    let since: number | undefined;
    let failureCount = 0;
    let hasConnected = false;
    for (;;) {
      try {
        signal.throwIfAborted();
        for await (const message of this.#connect(since, signal)) {
          failureCount = 0;
          if (message === 'connected') {
            hasConnected = true;
            yield { type: 'resync' };
            continue;
          }
          since = message.seconds ?? since;
          if (message.event !== undefined) yield message.event;
        }
        this.#logger.debug({}, 'Docker ended the stream of events.');
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        this.#engine.throwIfClosed();
        // Told once for each time that Docker is away; where there is none it is no trouble.
        const level = failureCount === 0 && hasConnected ? 'warn' : 'debug';
        this.#logger[level](
          { err: error },
          'No events from Docker; the connection is tried again.',
        );
      }
      const delayMs = Math.min(
        RECONNECT_MS_MAX,
        RECONNECT_MS_MIN * 2 ** Math.min(failureCount, 10),
      );
      failureCount += 1;
      await this.#pause(delayMs * (1 - 0.5 * this.#random.next()), signal);
    }
  }

  /** Ends early when the runtime is closed, so that a reader does not wait for its end. */
  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#clock, delayMs, AbortSignal.any([signal, this.#engine.closedSignal]));
  }

  async *#connect(
    since: number | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<'connected' | Message> {
    const filters = {
      type: ['container' as const],
      event: ACTIONS,
      label: labelFilters(this.#worker),
    };
    const what = 'tell of events';
    const stream = await this.#engine.open({
      what,
      signal,
      run: (docker, abortSignal) =>
        docker.getEvents({ filters, abortSignal, ...(since === undefined ? {} : { since }) }),
    });
    if (stream instanceof Refusal) throw refusalError(what, stream);
    try {
      yield 'connected';
      for await (const message of readJsonLines(stream)) yield parseMessage(message);
    } finally {
      stream.destroy();
    }
  }
}

interface Message {
  /** By the engine's clock; ours may differ. */
  readonly seconds: number | undefined;
  readonly event: RuntimeEvent | undefined;
}

/** Events only wake, so one that cannot be read wakes everything. */
function parseMessage(message: unknown): Message {
  if (!isRecord(message)) return { seconds: undefined, event: { type: 'resync' } };
  const { timeNano, Actor, Action } = message;
  const seconds = typeof timeNano === 'number' ? timeNano / 1e9 : undefined;
  const attributes = isRecord(Actor) && isRecord(Actor['Attributes']) ? Actor['Attributes'] : {};
  const owner = ownerOf(textsOf(attributes));
  if (owner === undefined) return { seconds, event: { type: 'resync' } };
  const { taskId, attempt } = owner;
  const event = { type: 'changed', key: { taskId, attempt } } as const;
  return { seconds, event: Action === 'start' ? { ...event, isStart: true } : event };
}

function textsOf(record: Readonly<Record<string, unknown>>): Labels {
  const texts = Object.entries(record).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(texts);
}
