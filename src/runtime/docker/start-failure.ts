import { CubeError } from '../../errors/cube-error.ts';
import type { PublishedPort } from '../../task/port.ts';
import type { TaskSpec } from '../../task/task-spec.ts';
import { type Refusal, refusalError, sentence } from './engine-error.ts';

const PORT_TAKEN =
  /port is already allocated|address already in use|ports are not available|failed to bind (?:host )?port/i;

const NOT_FOUND = /executable file not found|no such file or directory/i;

/** Why a container could not be made. */
export function createError(spec: TaskSpec, refusal: Refusal): CubeError {
  if (refusal.status === 404 && /no such image/i.test(refusal.message)) {
    return new CubeError('image-missing', `Image "${spec.image}" is gone: ${refusal.message}`);
  }
  if (/no command specified/i.test(refusal.message)) {
    const message = `Image "${spec.image}" names no program to run, and the task none either.`;
    return new CubeError('runtime-failed', message, { hint: 'Set "command" in the task.' });
  }
  return refusalError(`make a container for ${spec.name}`, refusal);
}

/** Whether a port could not be published since something else has it. */
export function isPortTaken(refusal: Refusal): boolean {
  return refusal.status >= 400 && PORT_TAKEN.test(refusal.message);
}

/** The port of the spec, with a host port of its own choice, that the refusal speaks of. */
export function takenPort(spec: TaskSpec, refusal: Refusal): PublishedPort | undefined {
  const numbers = new Set([...refusal.message.matchAll(/:(\d{1,5})\b/g)].map((match) => match[1]));
  for (const port of spec.ports) {
    const { host } = port;
    if (host !== undefined && numbers.has(String(host))) return { ...port, host };
  }
  return undefined;
}

/**
 * Why a container that was made could not be started; `holder` tells who has its port, where that
 * is known.
 */
export function startError(spec: TaskSpec, refusal: Refusal, holder?: string): CubeError {
  if (isPortTaken(refusal)) {
    const port = takenPort(spec, refusal)?.host;
    const which = port === undefined ? 'A port' : `Port ${port}`;
    const by = holder === undefined ? '' : ` by ${holder}`;
    const message = `${which} of ${spec.name} is in use on this node${by}: ${sentence(refusal.message)}`;
    return new CubeError('port-taken', message, {
      hint: isLeaked(holder)
        ? 'That proxy was left over by Docker, and no container is behind it: end it, or restart Docker.'
        : 'Stop what uses it, choose another host port, or leave "host" out for a free one.',
    });
  }
  if (/cannot assign requested address/i.test(refusal.message)) {
    const addresses = [...new Set(spec.ports.map(({ address }) => address))].join(', ');
    const message = `A port of ${spec.name} cannot be published: this node has not the address ${addresses}.`;
    return new CubeError('runtime-failed', message, { hint: 'Choose an address of the node.' });
  }
  if (NOT_FOUND.test(refusal.message) && spec.command !== undefined) {
    return commandError(spec, `was not found: ${sentence(refusal.message)}`);
  }
  return refusalError(`start ${spec.name}`, refusal);
}

/** The engine's proxy has the port, and the engine knows no container that publishes it. */
function isLeaked(holder: string | undefined): boolean {
  return holder !== undefined && /^pid \d+ \(docker-proxy\)$/.test(holder);
}

/** That the program of a spec cannot be run; `why` follows its name. */
export function commandError(spec: TaskSpec, why: string): CubeError {
  const message = `The command "${spec.command}" of image "${spec.image}" ${why}`;
  return new CubeError('runtime-failed', message, {
    hint: 'Check "command"; what follows the program goes into "args".',
  });
}
