import { isDeepStrictEqual } from 'node:util';

/** As it is read back from the store, or arrives at the other end of a connection. */
export function plain<Value>(value: Value): Value {
  return value === undefined ? value : JSON.parse(JSON.stringify(value));
}

/** Whether two values are read back alike. */
export function isSamePlain(one: unknown, other: unknown): boolean {
  // Mostly the order of their fields is the same too, which is told faster.
  if (JSON.stringify(one) === JSON.stringify(other)) return true;
  return isDeepStrictEqual(plain(one), plain(other));
}
