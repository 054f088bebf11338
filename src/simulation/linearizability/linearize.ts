/** A request as its client saw it: when it began, and when the reply came. */
export interface Operation<Action> {
  /** In any unit, as long as earlier is less. */
  readonly call: number;
  /** Infinite where no reply came: it may take effect at any time after its call, or never. */
  readonly reply: number;
  readonly action: Action;
}

/** What one copy that does one thing after the other would do. */
export interface SequentialModel<State, Action> {
  readonly initial: State;
  /** The state after the action; undefined where the reply it got contradicts the state. */
  readonly apply: (state: State, action: Action) => State | undefined;
  /** The same text for the same state. */
  readonly keyOf: (state: State) => string;
}

/**
 * Looks for one order of the operations that respects the times of their calls and replies and
 * that the model explains; where there is one, the history is linearizable, and the result
 * undefined. Otherwise the result is the operation whose reply no order explains, as far as the
 * longest one came.
 *
 * The search is that of Wing and Gong ("Testing and verifying concurrent objects", 1993): next may
 * come whatever was called before the first outstanding reply. As Lowe has shown ("Testing for
 * linearizability", 2017), it suffices to try each pair of what has been ordered and the state
 * reached by it once, which makes it fast where few operations overlap. An operation without a
 * reply that would change nothing is left out, since it can as well have come to nothing; of
 * several that do the same the one called first is as good as any.
 */
export function findUnexplained<State, Action>(
  operations: readonly Operation<Action>[],
  model: SequentialModel<State, Action>,
): Operation<Action> | undefined {
  return new Search(operations, model).run();
}

interface Alike<Action> {
  readonly operations: readonly Operation<Action>[];
  doneCount: number;
}

class Search<State, Action> {
  readonly #answered: readonly Operation<Action>[];
  /** Without a reply: those that do the same, the earliest first, and how many are done. */
  readonly #open: readonly Alike<Action>[];
  readonly #model: SequentialModel<State, Action>;
  readonly #done = new Set<Operation<Action>>();
  /** What has been tried in vain: how far the answered ones are done, which more, and the state. */
  readonly #tried = new Set<string>();
  /** Where the longest order came to its end. */
  #furthest = { doneCount: -1, stuck: undefined as Operation<Action> | undefined };

  constructor(operations: readonly Operation<Action>[], model: SequentialModel<State, Action>) {
    const byCall = operations.toSorted((one, other) => one.call - other.call);
    this.#answered = byCall.filter(({ reply }) => reply !== Number.POSITIVE_INFINITY);
    const open = byCall.filter(({ reply }) => reply === Number.POSITIVE_INFINITY);
    const alike = Map.groupBy(open, ({ action }) => JSON.stringify(action));
    this.#open = [...alike.values()].map((operations) => ({ operations, doneCount: 0 }));
    this.#model = model;
  }

  run(): Operation<Action> | undefined {
    return this.#order(0, this.#model.initial) ? undefined : this.#furthest.stuck;
  }

  /** Whether what is not yet done can be ordered; all answered ones before `first` are done. */
  #order(first: number, state: State): boolean {
    let start = first;
    while (this.#isDone(this.#answered[start])) start += 1;
    const next = this.#firstReply(start);
    if (next === undefined) return true;
    if (this.#done.size > this.#furthest.doneCount) {
      this.#furthest = { doneCount: this.#done.size, stuck: next };
    }
    if (!this.#isNew(start, next, state)) return false;
    for (let index = start; index < this.#answered.length; index += 1) {
      const operation = this.#answered[index];
      if (operation === undefined || operation.call > next.reply) break;
      if (this.#isDone(operation)) continue;
      const after = this.#model.apply(state, operation.action);
      if (after !== undefined && this.#goOn(operation, start, after)) return true;
    }
    for (const alike of this.#open) {
      const operation = alike.operations[alike.doneCount];
      if (operation === undefined || operation.call > next.reply) continue;
      const after = this.#model.apply(state, operation.action);
      // What would change nothing may as well never take effect.
      if (after === undefined || after === state) continue;
      alike.doneCount += 1;
      if (this.#goOn(operation, start, after)) return true;
      alike.doneCount -= 1;
    }
    return false;
  }

  #goOn(operation: Operation<Action>, start: number, after: State): boolean {
    this.#done.add(operation);
    const isExplained = this.#order(start, after);
    this.#done.delete(operation);
    return isExplained;
  }

  #isDone(operation: Operation<Action> | undefined): boolean {
    return operation !== undefined && this.#done.has(operation);
  }

  /** Of what is not done, the one whose reply came first; undefined when all are explained. */
  #firstReply(start: number): Operation<Action> | undefined {
    let first: Operation<Action> | undefined;
    for (let index = start; index < this.#answered.length; index += 1) {
      const operation = this.#answered[index];
      if (operation === undefined || this.#isDone(operation)) continue;
      if (first !== undefined && operation.call > first.reply) break;
      if (first === undefined || operation.reply < first.reply) first = operation;
    }
    return first;
  }

  #isNew(start: number, next: Operation<Action>, state: State): boolean {
    const ahead: number[] = [];
    for (let index = start; index < this.#answered.length; index += 1) {
      const operation = this.#answered[index];
      // Nothing is done that was called after the first outstanding reply.
      if (operation === undefined || operation.call > next.reply) break;
      if (this.#isDone(operation)) ahead.push(index);
    }
    const open = this.#open.map(({ doneCount }) => doneCount);
    const key = `${start} ${ahead.join(',')} ${open.join(',')} ${this.#model.keyOf(state)}`;
    if (this.#tried.has(key)) return false;
    this.#tried.add(key);
    return true;
  }
}
