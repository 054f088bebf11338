/**
 * Stops the operation when something Cube believes is not so. Not for judging input: a failed
 * assertion is a bug in Cube.
 *
 * @throws Error with `message`, when `condition` is false.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Broken belief: ${message}`);
}

/** For the end of an exhaustive switch: does not compile while a case is missing. */
export function assertNever(value: never): never {
  throw new Error(`Broken belief: no case for ${JSON.stringify(value)}`);
}
