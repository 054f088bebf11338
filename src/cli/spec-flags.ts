import type { Environment } from '../config/environment.ts';
import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';

/** What `cube run` takes to describe a task, as commander hands it over. */
export interface SpecFlags {
  readonly id?: string;
  readonly name?: string;
  readonly runtime?: string;
  readonly image?: string;
  readonly pull?: string;
  readonly arg?: readonly string[];
  readonly env?: readonly string[];
  readonly secretEnv?: readonly string[];
  readonly cpu?: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly port?: readonly string[];
  readonly volume?: readonly string[];
  readonly bind?: readonly string[];
  readonly label?: readonly string[];
  readonly restart?: string;
  readonly healthHttp?: string;
  readonly healthTcp?: string;
  readonly healthCommand?: string;
  readonly constraint?: readonly string[];
  readonly stopSignal?: string;
  readonly stopTimeout?: string;
  readonly priority?: string;
  readonly onNodeLost?: string;
}

/** Whether any of them was given. */
export function hasSpecFlags(flags: SpecFlags, operands: readonly string[]): boolean {
  return operands.length > 0 || specFlagNames.some((name) => flags[name] !== undefined);
}

const specFlagNames = [
  'name',
  'runtime',
  'image',
  'pull',
  'arg',
  'env',
  'secretEnv',
  'cpu',
  'memory',
  'disk',
  'port',
  'volume',
  'bind',
  'label',
  'restart',
  'healthHttp',
  'healthTcp',
  'healthCommand',
  'constraint',
  'stopSignal',
  'stopTimeout',
  'priority',
  'onNodeLost',
] as const satisfies readonly (keyof SpecFlags)[];

/**
 * The spec that flags describe, as a user would have written it: it is still to be judged by the
 * schema, which says what is wrong with a value.
 *
 * @param operands the command and its arguments, from behind `--`.
 */
export function toSpecInput(
  flags: SpecFlags,
  operands: readonly string[],
  environment: Environment,
): Readonly<Record<string, unknown>> {
  const [command, ...args] = operands;
  const health = toHealth(flags);
  return withoutUndefined({
    id: flags.id,
    name: flags.name ?? defaultName(flags.image ?? command),
    runtime: flags.runtime,
    image: flags.image,
    pull: flags.pull,
    command,
    args: orUndefined([...args, ...(flags.arg ?? [])]),
    env: toEnv(flags, environment),
    cpu: toNumber(flags.cpu),
    memory: flags.memory,
    disk: flags.disk,
    ports: flags.port?.map(toPort),
    volumes: flags.volume?.map((text) => toMount('--volume', 'name', text)),
    binds: flags.bind?.map((text) => toMount('--bind', 'source', text)),
    labels: toPairs('--label', flags.label),
    restart: flags.restart,
    health,
    constraints: flags.constraint,
    stopSignal: flags.stopSignal,
    stopTimeout: flags.stopTimeout,
    priority: toNumber(flags.priority),
    onNodeLost: flags.onNodeLost,
  });
}

/** The image or the program without its path and tag, as far as it makes a name. */
function defaultName(from: string | undefined): string | undefined {
  const base = from?.split('/').at(-1)?.split(/[:@]/)[0];
  const name = base
    ?.replace(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63);
  return name === '' ? undefined : name;
}

/** What is no number goes on as it is, for the schema to name. */
function toNumber(text: string | undefined): number | string | undefined {
  if (text === undefined) return undefined;
  return /^-?\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : text;
}

const portRule: FlagRule = {
  flag: '--port',
  want: 'host:container, container or address:host:container',
  example: '8080:80',
};

const healthRule: FlagRule = {
  flag: '--health-http',
  want: 'a port of the task and a path',
  example: '80/healthz',
};

/** `8080:80`, `127.0.0.1:8080:80`, `80`, each with `/tcp` or `/udp`. */
function toPort(text: string): Readonly<Record<string, unknown>> {
  const match =
    /^(?:(?:(?<address>\[[^\]]+\]|[^:[\]/]+):)?(?<host>\d{0,5}):)?(?<container>\d{1,5})(?:\/(?<protocol>[a-z]+))?$/.exec(
      text,
    );
  if (match?.groups === undefined) {
    throw wrongFlag(portRule, text);
  }
  const { address, host, container, protocol } = match.groups;
  return withoutUndefined({
    container: Number(container),
    host: host === undefined || host === '' ? undefined : Number(host),
    protocol,
    address: address?.replace(/^\[|\]$/g, ''),
  });
}

/** `data:/var/lib/data`, `/srv/site:/site:ro`. */
function toMount(
  flag: string,
  sourceField: 'name' | 'source',
  text: string,
): Readonly<Record<string, unknown>> {
  const [source = '', target, mode, ...rest] = text.split(':');
  const isKnownMode = mode === undefined || mode === 'ro' || mode === 'rw';
  if (target === undefined || rest.length > 0 || !isKnownMode) {
    const example = sourceField === 'name' ? 'data:/var/lib/data' : '/srv/site:/site:ro';
    const want = `${sourceField}:target, with :ro behind it for read-only`;
    throw wrongFlag({ flag, want, example }, text);
  }
  return { [sourceField]: source, target, readOnly: mode === 'ro' };
}

function toEnv(
  { env = [], secretEnv = [] }: SpecFlags,
  environment: Environment,
): Readonly<Record<string, unknown>> | undefined {
  const plain = Object.entries(toPairs('--env', env) ?? {});
  const secret = secretEnv.map((key) => {
    const value = environment[key];
    if (value !== undefined) return [key, { secret: value }] as const;
    throw new CubeError(
      'configuration',
      `--secret-env ${quoteText(key)}: no such variable is set.`,
      {
        hint: `The value is taken from your own environment: set ${key} and export it first.`,
      },
    );
  });
  return plain.length + secret.length === 0 ? undefined : Object.fromEntries([...plain, ...secret]);
}

function toPairs(
  flag: string,
  texts: readonly string[] | undefined,
): Readonly<Record<string, string>> | undefined {
  if (texts === undefined || texts.length === 0) return undefined;
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const place = text.indexOf('=');
    if (place < 1) throw wrongFlag({ flag, want: 'KEY=VALUE', example: 'KEY=VALUE' }, text);
    const key = text.slice(0, place);
    if (pairs.has(key)) {
      throw wrongFlag({ flag, want: `${key} only once`, example: 'KEY=VALUE' }, text);
    }
    pairs.set(key, text.slice(place + 1));
  }
  return Object.fromEntries(pairs);
}

function toHealth(flags: SpecFlags): Readonly<Record<string, unknown>> | undefined {
  const { healthHttp, healthTcp, healthCommand } = flags;
  const health = withoutUndefined({
    http: healthHttp === undefined ? undefined : toHealthHttp(healthHttp),
    tcp: healthTcp === undefined ? undefined : { port: toNumber(healthTcp) },
    command: healthCommand === undefined ? undefined : ['/bin/sh', '-c', healthCommand],
  });
  return Object.keys(health).length === 0 ? undefined : health;
}

/** `80/healthz` or `80`. */
function toHealthHttp(text: string): Readonly<Record<string, unknown>> {
  const [, port, path] = /^(\d{1,5})(\/.*)?$/.exec(text) ?? [];
  if (port === undefined) {
    throw wrongFlag(healthRule, text);
  }
  return withoutUndefined({ port: Number(port), path });
}

interface FlagRule {
  readonly flag: string;
  readonly want: string;
  readonly example: string;
}

function wrongFlag({ flag, want, example }: FlagRule, text: string): CubeError {
  return new CubeError('configuration', `${flag} is ${quoteText(text)}; want ${want}.`, {
    hint: `For example: ${flag} ${example}`,
  });
}

function orUndefined<Item>(list: readonly Item[]): readonly Item[] | undefined {
  return list.length === 0 ? undefined : list;
}

function withoutUndefined(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
}
