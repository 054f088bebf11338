/**
 * Cores are counted in whole thousandths wherever they are added up, so that a sum does not depend
 * on its order and placing and ending a task a million times leaves exactly nothing behind.
 */

/** Far above what a product with 1000 can be off, far below one milli-core. */
const TOLERANCE = 1e-6;

/** A request in milli-cores, rounded up: what is promised is never less than what was asked. */
export function requestMilliCores(cores: number): number {
  return Math.ceil(cores * 1000 - TOLERANCE);
}

/** A capacity in milli-cores, rounded down: what is promised is never more than there is. */
export function capacityMilliCores(cores: number): number {
  return Math.floor(cores * 1000 + TOLERANCE);
}

/** A sum of requests back in milli-cores. */
export function committedMilliCores(cores: number): number {
  return Math.round(cores * 1000);
}
