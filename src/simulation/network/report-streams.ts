import { CubeError } from '../../errors/cube-error.ts';
import type { Dice } from '../dice.ts';

/** What befalls a stream at its next item: it stalls, breaks off amid the item, or just ends. */
export type StreamFate = 'stalled' | 'torn' | 'ended';

/** One open stream. */
export interface ReportStream {
  fate?: StreamFate;
}

/** The streams of reports that are open, by the machine that they come from. */
export class ReportStreams {
  readonly #dice: Dice;
  readonly #open = new Map<string, Set<ReportStream>>();

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  open(machine: string): ReportStream & Disposable {
    const streams = this.#open.get(machine) ?? new Set();
    this.#open.set(machine, streams);
    const stream: ReportStream & Disposable = { [Symbol.dispose]: () => streams.delete(stream) };
    streams.add(stream);
    return stream;
  }

  /** Nothing comes any more over those that are open now, and none of them closes. */
  stall(machine: string): void {
    this.#befall(machine, () => 'stalled');
  }

  /** Those that are open now end with their next item, amid it or before it. */
  tear(machine: string): void {
    this.#befall(machine, () => (this.#dice.chance(2 / 3) ? 'torn' : 'ended'));
  }

  #befall(machine: string, draw: () => StreamFate): void {
    for (const stream of this.#open.get(machine) ?? []) stream.fate = draw();
  }
}

/** What a reader is told who finds half of a line at the end of a stream. */
export function tornLine(machine: string): CubeError {
  return new CubeError('bad-reply', `The stream of ${machine} ends in the middle of a line.`);
}
