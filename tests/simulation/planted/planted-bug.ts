import type { PortPatches } from '../../../src/simulation/cluster/port-patches.ts';

/** A bug that one could have made, as patched ports: what is shipped has none of it. */
export interface PlantedBug {
  /** A sentence: what the bug does. */
  readonly name: string;
  /** The invariants that may say it first. */
  readonly checks: readonly string[];
  /** Within so many seeds, from 1 on, it must be found. */
  readonly seedCountMax: number;
  /** New patches for each run, since some remember. */
  readonly plant: () => PortPatches;
}

/** A port of which some methods are other than they were. */
export function withMethods<Port extends object>(port: Port, methods: Partial<Port>): Port {
  // Not a proxy of the port itself: what is frozen could not be other than it is.
  return new Proxy(Object.create(null) as Port, {
    get: (_, key) => {
      if (Object.hasOwn(methods, key)) return Reflect.get(methods, key);
      const value: unknown = Reflect.get(port, key, port);
      return typeof value === 'function' ? value.bind(port) : value;
    },
  });
}
