import { CubeError } from '../../errors/cube-error.ts';

/** Where a Docker Engine listens. */
export type DockerHost =
  | {
      readonly kind: 'socket';
      /** The first of these that exists is used. */
      readonly paths: readonly [string, ...string[]];
    }
  | {
      readonly kind: 'tcp';
      readonly hostname: string;
      readonly port: number;
      readonly tls: boolean;
    };

const DEFAULT_SOCKET = '/var/run/docker.sock';

const WANTED =
  'unix:///var/run/docker.sock, the bare path of a socket, or tcp://127.0.0.1:2375 (2376 with TLS)';

/** What stands between us and the places where an engine listens by default. */
export interface DockerHostDefaults {
  /** The user's home, where Docker Desktop puts its socket. */
  readonly home?: string;
  /** The user's number, under which a rootless engine puts its socket. */
  readonly uid?: number;
}

/**
 * Reads a value of DOCKER_HOST. A bare path is taken as a socket, as people write it; without a
 * value the usual sockets are tried: the system's, a rootless engine's, Docker Desktop's.
 *
 * @throws CubeError `configuration` that says what would do.
 */
export function parseDockerHost(
  text: string | undefined,
  defaults: DockerHostDefaults = {},
): DockerHost {
  const value = text?.trim() ?? '';
  if (value === '' || value === 'unix://') return defaultSockets(defaults);
  if (value.startsWith('unix://')) return socket(value, value.slice('unix://'.length));
  if (value.startsWith('/')) return socket(value, value);
  if (value.startsWith('ssh://')) {
    throw new CubeError('configuration', `DOCKER_HOST is ${value}, and ssh:// is not supported.`, {
      hint:
        'Forward the socket instead: ssh -N -L /tmp/docker.sock:/var/run/docker.sock HOST, ' +
        'and set DOCKER_HOST=unix:///tmp/docker.sock.',
    });
  }
  return tcp(value);
}

/** The address in words, for messages. */
export function describeDockerHost(host: DockerHost): string {
  if (host.kind === 'socket') return host.paths[0];
  return `tcp://${host.hostname}:${host.port}`;
}

function defaultSockets({ home, uid }: DockerHostDefaults): DockerHost {
  const others: string[] = [];
  if (uid !== undefined && uid !== 0) others.push(`/run/user/${uid}/docker.sock`);
  if (home !== undefined && home !== '') others.push(`${home}/.docker/run/docker.sock`);
  return { kind: 'socket', paths: [DEFAULT_SOCKET, ...others] };
}

function socket(text: string, path: string): DockerHost {
  if (!path.startsWith('/')) throw malformed(text);
  return { kind: 'socket', paths: [path] };
}

function tcp(text: string): DockerHost {
  const withScheme = text.includes('://') ? text : `tcp://${text}`;
  const scheme = /^(tcp|http|https):\/\//.exec(withScheme)?.[1];
  if (scheme === undefined) throw malformed(text);
  // Parsed as http, since URL gives no host for schemes it does not know.
  const rest = withScheme.slice(scheme.length);
  const url = URL.canParse(`http${rest}`) ? new URL(`http${rest}`) : undefined;
  if (url === undefined || url.hostname === '' || url.username !== '') throw malformed(text);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw malformed(text);
  const tls = scheme === 'https' || url.port === '2376';
  const port = url.port === '' ? (rest.endsWith(':80') ? 80 : tls ? 2376 : 2375) : Number(url.port);
  return { kind: 'tcp', hostname: url.hostname.replace(/^\[|\]$/g, ''), port, tls };
}

function malformed(text: string): CubeError {
  return new CubeError('configuration', `DOCKER_HOST is "${text.slice(0, 80)}".`, {
    hint: `It must be ${WANTED}.`,
  });
}
