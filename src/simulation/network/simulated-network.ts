import { CubeError } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Dice } from '../dice.ts';

/** The name of the manager's process in the network. */
export const MANAGER = 'manager';

/** The name of all clients in the network. */
export const CLIENT = 'client';

/** How messages fare. All zero: a network in which nothing takes time or goes wrong. */
export interface NetworkWeather {
  /** Share of messages that never arrive. */
  readonly loss: number;
  /** Share of requests that arrive a second time, up to `lateMs` later. */
  readonly repeat: number;
  /** The longest a message travels, in milliseconds; most are far faster, so many overtake. */
  readonly delayMs: number;
  readonly lateMs: number;
  /** Share of streams that stall without closing, per item. */
  readonly stall: number;
  /** A request without an answer fails after this long, in milliseconds; 0: as it is lost. */
  readonly timeoutMs: number;
}

export const calm: NetworkWeather = {
  loss: 0,
  repeat: 0,
  delayMs: 0,
  lateMs: 0,
  stall: 0,
  timeoutMs: 0,
};

/**
 * What may go wrong with requests of one route. `replies-cut`: the request is handled, and the
 * reply breaks off before its end. `half-open`: the request is taken, and never answered.
 */
export type Mishap = 'replies-cut' | 'half-open';

/** A reply or an error, on its way to whoever asked. */
type Answer<Reply> = (resolve: (reply: Reply) => void, reject: (error: unknown) => void) => void;

export interface Route {
  readonly from: string;
  readonly to: string;
  readonly signal?: AbortSignal | undefined;
}

/** The network between simulated processes, each direction on its own. */
export class SimulatedNetwork {
  weather: NetworkWeather = calm;
  /** Told of each request that is sent. */
  onRequest: (route: Route) => void = () => undefined;
  /** Told of each request that was handled, or not, without its asker being told. */
  onMishap: (mishap: Mishap) => void = () => undefined;
  readonly #clock: Clock;
  readonly #dice: Dice;
  readonly #cuts = new Set<string>();
  readonly #mishaps = new Map<string, Mishap>();

  constructor(clock: Clock, dice: Dice) {
    this.#clock = clock;
    this.#dice = dice;
  }

  /** From now on nothing that one sends reaches the other; the opposite direction stays. */
  cut(from: string, to: string): void {
    this.#cuts.add(nameOf({ from, to }));
  }

  mend(from: string, to: string): void {
    this.#cuts.delete(nameOf({ from, to }));
  }

  /** From now on all requests of one to the other fare like this. */
  spoil(route: Route, mishap: Mishap): void {
    this.#mishaps.set(nameOf(route), mishap);
  }

  unspoil(route: Route): void {
    this.#mishaps.delete(nameOf(route));
  }

  /** A request and its reply. What fails here may have happened there, or may happen yet. */
  request<Reply>(route: Route, act: () => Promise<Reply>): Promise<Reply> {
    const { timeoutMs } = this.weather;
    const { signal, to } = route;
    this.onRequest(route);
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(unreachable(to));
      const onAbort = (): void => reject(signal?.reason);
      const timer = timeoutMs > 0 ? this.#clock.setTimer(timeoutMs, fail) : undefined;
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      this.#exchange(route, act)
        .then((reply) => {
          if (reply !== undefined) reply(resolve, reject);
          else if (timer === undefined) fail();
          else return;
          timer?.cancel();
          signal?.removeEventListener('abort', onAbort);
        })
        .catch(reject);
    });
  }

  /** Whether the next item of a stream arrives; after the time it takes. */
  async carry(route: Route): Promise<boolean> {
    if (this.#isCut(route) || this.#isCut(reverse(route))) return false;
    if (this.weather.stall > 0 && this.#dice.chance(this.weather.stall)) return false;
    if (this.weather.delayMs > 0) {
      await sleep(this.#clock, this.#dice.skewed(this.weather.delayMs));
    }
    return !this.#isCut(route);
  }

  /** @returns undefined when request or reply was lost. */
  async #exchange<Reply>(
    route: Route,
    act: () => Promise<Reply>,
  ): Promise<Answer<Reply> | undefined> {
    const { repeat, lateMs } = this.weather;
    if (repeat > 0 && this.#dice.chance(repeat)) {
      const late = this.#dice.skewed(lateMs);
      this.#clock.setTimer(late, () => void act().catch(() => undefined));
    }
    if (!(await this.#travel(route))) return undefined;
    const mishap = this.#mishaps.get(nameOf(route));
    if (mishap !== undefined) return await this.#goWrong(route, mishap, act);
    let answer: Answer<Reply>;
    try {
      const reply = await act();
      answer = (resolve) => resolve(reply);
    } catch (error) {
      answer = (_, reject) => reject(error);
    }
    return (await this.#travel(reverse(route))) ? answer : undefined;
  }

  async #goWrong<Reply>(
    route: Route,
    mishap: Mishap,
    act: () => Promise<Reply>,
  ): Promise<Answer<Reply> | undefined> {
    this.onMishap(mishap);
    const isHandled = mishap === 'replies-cut' || this.#dice.chance(0.5);
    if (isHandled) await act().catch(() => undefined);
    if (mishap === 'half-open') return undefined;
    await this.#travel(reverse(route));
    return (_, reject) => reject(brokenOff(route.to));
  }

  async #travel(route: Route): Promise<boolean> {
    const { loss, delayMs } = this.weather;
    if (this.#isCut(route) || (loss > 0 && this.#dice.chance(loss))) return false;
    if (delayMs > 0) await sleep(this.#clock, this.#dice.skewed(delayMs));
    return !this.#isCut(route);
  }

  #isCut(route: Route): boolean {
    return this.#cuts.has(nameOf(route));
  }
}

function nameOf({ from, to }: Route): string {
  return `${from}>${to}`;
}

function reverse({ from, to }: Route): Route {
  return { from: to, to: from };
}

function brokenOff(what: string): CubeError {
  return new CubeError('unreachable', `The reply of ${what} breaks off.`);
}

export function unreachable(what: string): CubeError {
  return new CubeError('unreachable', `Nothing answers at ${what}.`);
}
