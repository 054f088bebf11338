import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { CubeError } from '../errors/cube-error.ts';
import { describeValue } from '../errors/describe-value.ts';
import { mediaTypeRefused } from './problem.ts';

/**
 * What is checked of every request before it is routed and before its body is read. A page in a
 * user's browser can send requests to any address that the browser reaches; these checks see to
 * it that none of them gets in, whether it names us in its own way (DNS rebinding: the Host) or
 * speaks for another site (Origin, Sec-Fetch-Site).
 */
export interface Doors {
  /** @throws CubeError `misdirected`, `forbidden` or `headers-too-large`. */
  check(request: IncomingMessage): void;
}

export interface DoorsOptions {
  /** Names and addresses, beside those of the machine itself, by which clients may call us. */
  readonly names: readonly string[];
  /** The port we listen on. */
  readonly port: number;
  /** Paths of pages to which a link on another site may lead. Default: none. */
  readonly pages?: readonly string[] | undefined;
}

/** More headers than this are refused. */
const HEADER_COUNT_MAX = 100;

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** @throws CubeError `configuration`, for a name that no Host header can have. */
export function createDoors(options: DoorsOptions): Doors {
  const bad = options.names.find((name) => normalizeAll([name], options.port).size === 0);
  if (bad !== undefined) {
    throw new CubeError('configuration', `${describeValue(bad, [])} is not a host name.`, {
      hint: 'Give a name or an address, with or without a port, such as cube.example or 10.0.0.5.',
    });
  }
  const fixed = normalizeAll([...LOOPBACK_NAMES, ...options.names], options.port);
  const { port, pages = [] } = options;
  return { check: (request) => checkDoors(request, { names: fixed, port, pages }) };
}

interface OwnFacts {
  readonly names: ReadonlySet<string>;
  readonly port: number;
  readonly pages: readonly string[];
}

function checkDoors(request: IncomingMessage, { names, port, pages }: OwnFacts): void {
  if (request.rawHeaders.length > 2 * HEADER_COUNT_MAX) {
    throw new CubeError('headers-too-large', `More than ${HEADER_COUNT_MAX} headers came.`);
  }
  const host = checkHost(request, names, port);
  checkOrigin(request, host);
  const site = request.headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  if (isWayToPage(request, pages)) return;
  throw new CubeError('forbidden', 'Requests made by pages of other sites are refused.');
}

/**
 * Whether the user follows a link to one of our pages, which then stands in a window of its own:
 * the other site can read nothing of it, and the page is the same for everyone.
 */
function isWayToPage(request: IncomingMessage, pages: readonly string[]): boolean {
  const { 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = request.headers;
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const isNavigation = mode === 'navigate' && destination === 'document';
  return request.method === 'GET' && isNavigation && pages.includes(path);
}

/** The host as `name:port` in its one normal form. */
function checkHost(request: IncomingMessage, names: ReadonlySet<string>, port: number): string {
  const hosts = headerValues(request, 'host');
  const [given] = hosts;
  if (given === undefined || hosts.length > 1) {
    throw new CubeError('misdirected', 'A request needs exactly one Host header.');
  }
  const host = normalizeHost(given);
  const target = authorities.get(request);
  const isAllowed = host !== undefined && (names.has(host) || isOwnAddress(host, request, port));
  if (isAllowed && (target === undefined || normalizeHost(target) === host)) return host;
  throw new CubeError(
    'misdirected',
    `The Host header ${describeValue(given, [])} does not name this server.`,
    { hint: 'Call it by localhost or its IP address, with its port.' },
  );
}

/** An address, unlike a name, cannot be pointed at us by somebody else's DNS. */
function isOwnAddress(host: string, request: IncomingMessage, port: number): boolean {
  const { localAddress } = request.socket;
  return localAddress !== undefined && normalizeAll([plainAddress(localAddress)], port).has(host);
}

function normalizeAll(names: readonly string[], port: number): ReadonlySet<string> {
  const hosts = names.map((name) =>
    normalizeHost(hasPort(name) ? name : `${withBrackets(name)}:${port}`),
  );
  return new Set(hosts.filter((host) => host !== undefined));
}

function checkOrigin(request: IncomingMessage, host: string): void {
  const origins = headerValues(request, 'origin');
  if (origins.length === 0) return;
  const [origin = ''] = origins;
  const url = URL.parse(origin);
  const isOwn =
    origins.length === 1 &&
    url?.protocol === 'http:' &&
    url.origin === origin.toLowerCase() &&
    normalizeHost(url.host) === host;
  if (isOwn) return;
  throw new CubeError('forbidden', 'Requests from pages of another origin are refused.');
}

/** Reads a host with an optional port; what is not one gives undefined. */
function normalizeHost(text: string): string | undefined {
  if (!/^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.test(text)) {
    return undefined;
  }
  const url = URL.parse(`http://${text}`);
  if (url === null) return undefined;
  const port = url.port === '' ? '80' : url.port;
  return `${url.hostname.replace(/\.$/, '')}:${port}`;
}

function hasPort(name: string): boolean {
  return isIP(name) === 0 && /:\d{1,5}$/.test(name);
}

function withBrackets(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}

/** `::ffff:10.0.0.1` is how a dual-stack socket writes 10.0.0.1. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

/** The servers named by targets in absolute form, as in `GET http://host/path`. */
const authorities = new WeakMap<IncomingMessage, string>();

/** The path by which a request is routed; what else its target says is kept for the doors. */
export function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const match = /^https?:\/\/([^/?#]*)/i.exec(url);
  if (match?.[1] !== undefined) authorities.set(request, match[1]);
  const path = url.slice(match?.[0].length ?? 0);
  return path.startsWith('/') ? path : `/${path}`;
}

/** Every value of a header as it came; node:http keeps only one of some. */
export function headerValues(request: IncomingMessage, name: string): readonly string[] {
  return request.rawHeaders.filter(
    (_, index) => index % 2 === 1 && request.rawHeaders[index - 1]?.toLowerCase() === name,
  );
}

/** Whether a host to listen on can be reached from this machine alone. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || isLoopbackAddress(host);
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether the other end of the connection is on this machine. */
export function isLoopbackPeer(request: IncomingMessage): boolean {
  return isLoopbackAddress(request.socket.remoteAddress ?? '');
}

function isLoopbackAddress(text: string): boolean {
  const address = plainAddress(text);
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

const defaultPorts = { manager: 5555, worker: 5556 } as const;

/**
 * Checks that a request has come to the part of Cube that it wants, where it says which: both have
 * tasks, and what is meant for the manager must not start on a worker behind its back.
 *
 * @throws CubeError `misdirected`.
 */
export function checkRole(request: IncomingMessage, role: 'manager' | 'worker'): void {
  const [wanted = role] = headerValues(request, 'cube-role');
  if (wanted === role) return;
  const other = role === 'worker' ? 'manager' : 'worker';
  throw new CubeError('misdirected', `This is a Cube ${role}, and a ${other} is wanted.`, {
    hint: `Check the port: a ${other} listens on ${defaultPorts[other]} unless it was told otherwise.`,
  });
}

/**
 * Checks how a body is encoded, before it is read. JSON comes also without a type, as plain text
 * and, from `curl -d`, as a form.
 *
 * @throws CubeError `unsupported-media-type`.
 */
export function checkMediaType(request: IncomingMessage): void {
  const encodings = headerValues(request, 'content-encoding');
  if (encodings.some((encoding) => encoding.toLowerCase() !== 'identity')) {
    throw mediaTypeRefused('may be right, but compressed bodies are not read');
  }
  const types = headerValues(request, 'content-type');
  if (types.length > 1) throw mediaTypeRefused('was given twice');
  const [type] = types;
  if (type === undefined || type === '') return;
  const match =
    /^(application\/json|text\/plain|application\/x-www-form-urlencoded) *(?:; *charset="?([A-Za-z0-9-]{1,20})"? *)?$/i.exec(
      type,
    );
  if (match === null)
    throw mediaTypeRefused(`${describeValue(type, [])} is not one that Cube reads`);
  const charset = match[2]?.toLowerCase() ?? 'utf-8';
  if (charset === 'utf-8' || charset === 'utf8') return;
  throw mediaTypeRefused(`names the character set ${charset}, but only UTF-8 is read`);
}
