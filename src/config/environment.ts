import { suggest } from '../errors/suggest.ts';

/** The variables of the process, as the rest of the program sees them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Every variable that is Cube's own, with what it is for. Flags override them. */
const cubeVariables = {
  CUBE_MANAGER_HOST: 'The host of the manager: where it listens, and where commands look for it.',
  CUBE_MANAGER_PORT: 'The port of the manager. Default 5555.',
  CUBE_WORKER_HOST: 'The host on which a worker listens.',
  CUBE_WORKER_PORT: 'The port of a worker. Default 5556.',
  CUBE_TOKEN: 'The token that manager and workers ask for, and that commands send.',
  CUBE_DATA_DIR: 'The directory in which manager and workers keep their data.',
  CUBE_LOG_LEVEL: 'How much manager and workers log: debug, info, warn, error or silent.',
} as const;

export type CubeVariable = keyof typeof cubeVariables;

/** The one place that reads the environment of the process. */
export function readEnvironment(): Environment {
  return { ...process.env };
}

/** The value of a variable; one that is empty counts as not set. */
export function findVariable(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === undefined || value === '' ? undefined : value;
}

/** A sentence for each variable that looks like one of Cube's and is none. */
export function describeUnknownVariables(environment: Environment): readonly string[] {
  const known = Object.keys(cubeVariables);
  return Object.keys(environment)
    .filter((name) => /^_?CUBES?_/i.test(name) && !known.includes(name))
    .sort()
    .map((name) => {
      const meant = suggest(name, known);
      const what = `The variable ${name} is not one of Cube's and changes nothing`;
      return meant === undefined ? `${what}.` : `${what}; did you mean ${meant}?`;
    });
}
