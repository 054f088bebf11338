/** Randomness enters Cube only here, so that a simulation can fix it by a seed. */
export interface Random {
  /** A number from 0 (included) to 1 (excluded). */
  next(): number;
  /** A lower-case UUID, version 4. */
  uuid(): string;
}

/** The machine's own randomness. */
export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => {
    cryptoModule ??= process.getBuiltinModule('node:crypto');
    return cryptoModule.randomUUID();
  },
};

/** Not imported, for a command that draws nothing is the faster for it. */
let cryptoModule: typeof import('node:crypto') | undefined;
