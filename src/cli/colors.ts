import picocolors from 'picocolors';
import { type Environment, findVariable } from '../config/environment.ts';
import type { Output } from './cli-io.ts';

export type Colors = ReturnType<typeof picocolors.createColors>;

/** Colours for this output, or none: in a pipe, with NO_COLOR, on a terminal that has none. */
export function createColors(output: Output, environment: Environment): Colors {
  const refused =
    findVariable(environment, 'NO_COLOR') !== undefined || environment['TERM'] === 'dumb';
  const forced = findVariable(environment, 'FORCE_COLOR') !== undefined;
  return picocolors.createColors(!refused && (output.isTerminal || forced));
}
