import { CubeError } from '../../errors/cube-error.ts';
import type { PublishedPort } from '../../task/port.ts';
import type { TaskSpec } from '../../task/task-spec.ts';

/** The ports of one simulated machine. */
export interface PortBook {
  /** Who holds a port, by `protocol/number`. */
  readonly taken: Map<string, string>;
  /** Where the search for a free port begins. */
  next: number;
}

/**
 * Takes the ports a spec asks for: all of them or none.
 *
 * @throws CubeError `port-taken`, naming the holder.
 */
export function allocatePorts(
  book: PortBook,
  spec: TaskSpec,
  holder: string,
): readonly PublishedPort[] {
  const published: PublishedPort[] = [];
  for (const port of spec.ports) {
    const wanted = port.host ?? (spec.runtime === 'process' ? port.container : undefined);
    const host = wanted ?? findFreePort(book, port.protocol);
    const name = `${port.protocol}/${host}`;
    const other = book.taken.get(name);
    if (other !== undefined) {
      for (const one of published) book.taken.delete(`${one.protocol}/${one.host}`);
      throw new CubeError('port-taken', `Port ${host}/${port.protocol} is in use by ${other}.`);
    }
    book.taken.set(name, holder);
    published.push({
      container: port.container,
      host,
      protocol: port.protocol,
      address: port.address,
    });
  }
  return published;
}

function findFreePort(book: PortBook, protocol: string): number {
  for (let tries = 0; tries < 28_000; tries += 1) {
    const port = book.next;
    book.next = port >= 60_999 ? 32_768 : port + 1;
    if (!book.taken.has(`${protocol}/${port}`)) return port;
  }
  throw new CubeError('port-taken', 'No port is free on the machine.');
}
