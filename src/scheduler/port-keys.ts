import type { Task } from '../task/task.ts';
import type { TaskSpec } from '../task/task-spec.ts';

/**
 * The host ports that a spec names, as `tcp/8080`. Those that the runtime is to choose are not
 * among them; a process listens on the node itself, so that its own ports are host ports.
 */
export function requestedPorts(spec: TaskSpec): readonly string[] {
  const keys: string[] = [];
  for (const port of spec.ports) {
    const host = port.host ?? (spec.runtime === 'process' ? port.container : undefined);
    if (host !== undefined) keys.push(portKey(port.protocol, host));
  }
  return keys;
}

/** The host ports that a placed task holds: those it asked for, and those it was given. */
export function heldPorts(task: Task): readonly string[] {
  const requested = requestedPorts(task.spec);
  const published = task.status.ports ?? [];
  if (published.length === 0) return requested;
  return [
    ...new Set([...requested, ...published.map((port) => portKey(port.protocol, port.host))]),
  ];
}

function portKey(protocol: 'tcp' | 'udp', host: number): string {
  return `${protocol}/${host}`;
}
