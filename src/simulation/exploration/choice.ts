/** One thing that may happen next. */
export interface Choice {
  readonly name: string;
  /** The processes that notice. */
  readonly actors: readonly string[];
  act(): Promise<void> | void;
}

/** What the processes have met on a path. */
export interface Met {
  /** By process: a digest of all, in order. */
  readonly inOrder: ReadonlyMap<string, string>;
  /** Whatever came since all was at rest, in any order. */
  readonly sinceRest: ReadonlySet<string>;
}
