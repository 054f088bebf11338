/** Something that has been set going and has not come about yet. */
export interface Flight {
  /** The same in every interleaving in which its sender has seen the same before. */
  readonly name: string;
  /** The process that takes it. */
  readonly actor: string;
  /** The life of a process with which it is lost; undefined for what outlives its sender. */
  readonly owner?: string;
  /** `late`: a second copy of a request, for which nobody waits. */
  readonly kind: 'message' | 'write' | 'late';
  /** What it says, as far as its name does not tell. */
  readonly content?: unknown;
  /** Arrives without being a step of its own, as soon as it is first. */
  readonly isInstant?: boolean;
  deliver(): void;
  /** Gets lost: whoever waits for it is told that the connection broke. Undefined: it cannot. */
  lose?(): void;
  /** A second copy, which may arrive at any later time. Undefined: there is none. */
  copy?(): Flight;
}

/** All messages and writes under way, in the order in which they were set going. */
export class InFlight {
  readonly #flights = new Map<string, Flight>();
  readonly #counts = new Map<string, number>();

  /** A name of its own for one more of this kind. */
  name(kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    return `${kind} ${count}`;
  }

  add(flight: Flight): void {
    this.#flights.set(flight.name, flight);
  }

  all(): readonly Flight[] {
    return [...this.#flights.values()];
  }

  /** What may come about next: any message, and the first write of each process. */
  ready(): readonly Flight[] {
    const writers = new Set<string | undefined>();
    return this.all().filter(({ kind, owner }) => {
      const mayEnd = kind !== 'write' || !writers.has(owner);
      if (kind === 'write') writers.add(owner);
      return mayEnd;
    });
  }

  /** What somebody waits for. */
  get isEmpty(): boolean {
    return this.all().every(({ kind }) => kind === 'late');
  }

  take(flight: Flight): void {
    this.#flights.delete(flight.name);
  }

  /** With the process ends what only it would have heard, and what it had not handed over. */
  dropOf(owner: string): void {
    for (const flight of this.all()) if (flight.owner === owner) this.take(flight);
  }
}
