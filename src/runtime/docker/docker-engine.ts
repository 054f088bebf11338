import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { CubeError } from '../../errors/cube-error.ts';
import type { Clock } from '../../lib/clock.ts';
import { nodeHttp, nodeHttps } from '../../lib/node-http.ts';
import { formatDuration } from '../../task/quantity.ts';
import { CallScope } from './call-scope.ts';
import type { DockerHost } from './docker-host.ts';
import { describeDockerHost } from './docker-host.ts';
import {
  CallTimeout,
  connectionError,
  isRecord,
  Refusal,
  refusalError,
  refusalIn,
} from './engine-error.ts';

/** The versions of the Engine API that this client speaks: 1.40 (Docker 19.03) and later. */
const API_MIN = 40;
const API_MAX = 47;

/** A reply is read so soon after its connection was closed, if it came whole. */
const REPLY_GRACE_MS = 100;

export interface DockerEngineOptions {
  readonly host: DockerHost;
  readonly clock: Clock;
  /** How long one call may take, in milliseconds. */
  readonly callTimeoutMs: number;
  /** The folder with ca.pem, cert.pem and key.pem, for an engine behind TLS. */
  readonly certPath?: string;
}

export interface EngineCall<Result> {
  /** What is asked, to go after "Docker could not …". */
  readonly what: string;
  readonly signal: AbortSignal;
  /** In milliseconds. Default: the engine's `callTimeoutMs`. */
  readonly timeoutMs?: number;
  readonly run: (docker: Docker, abortSignal: AbortSignal) => Promise<Result>;
}

interface Connection {
  /** A client for one call. */
  readonly clientFor: (scope: CallScope) => Docker;
  readonly version: string;
}

/**
 * The way to one Docker Engine: connects when first needed, in a version of the API that both
 * sides speak, and sees to it that every call ends in time. A call that gets no answer throws
 * `runtime-unavailable`; what the engine answers comes back, as a `Refusal` where it says no.
 */
export class DockerEngine {
  readonly host: DockerHost;
  readonly #options: DockerEngineOptions;
  readonly #closed = new AbortController();
  #connection: Promise<Connection> | undefined;

  constructor(options: DockerEngineOptions) {
    this.#options = options;
    this.host = options.host;
  }

  /** The engine's version, once connected. */
  async version(signal: AbortSignal): Promise<string> {
    const scope = this.#scope(signal, this.#options.callTimeoutMs);
    try {
      return (await scope.race(this.#connect())).version;
    } catch (error) {
      throw this.#failure(error, { what: 'tell its version', scope });
    } finally {
      scope.close();
    }
  }

  /** @throws CubeError `runtime-failed` for any refusal. */
  async call<Result>(call: EngineCall<Result>): Promise<Result> {
    const result = await this.attempt(call);
    if (result instanceof Refusal) throw refusalError(call.what, result);
    return result;
  }

  /** Gives refusals back. @throws CubeError `runtime-unavailable`, or the signal's reason. */
  async attempt<Result>(call: EngineCall<Result>): Promise<Result | Refusal> {
    const scope = this.#scope(call.signal, call.timeoutMs ?? this.#options.callTimeoutMs);
    try {
      return await this.#run(call, scope);
    } finally {
      scope.close();
    }
  }

  /**
   * Opens a stream that lives until it ends, is destroyed, or the signal is aborted; only its
   * opening is bounded in time.
   */
  async open(call: EngineCall<NodeJS.ReadableStream>): Promise<Readable | Refusal> {
    const scope = this.#scope(call.signal, call.timeoutMs ?? this.#options.callTimeoutMs);
    try {
      const stream = await this.#run(call, scope);
      if (stream instanceof Refusal) {
        scope.close();
        return stream;
      }
      scope.settle();
      // The client's streams are HTTP responses, which its types call by an older name.
      const readable = stream as Readable;
      readable.once('close', () => scope.close());
      return readable;
    } catch (error) {
      scope.close();
      throw error;
    }
  }

  /** Whether the connection uses TLS. */
  get isEncrypted(): boolean {
    const { host, certPath } = this.#options;
    return host.kind === 'tcp' && (host.tls || certPath !== undefined);
  }

  /** Aborted by `close`. */
  get closedSignal(): AbortSignal {
    return this.#closed.signal;
  }

  /** @throws CubeError `runtime-unavailable` once closed. */
  throwIfClosed(): void {
    this.#closed.signal.throwIfAborted();
  }

  /** Ends every call and stream. Later ones throw `runtime-unavailable`. */
  close(): void {
    this.#closed.abort(new CubeError('runtime-unavailable', 'The docker runtime has been closed.'));
    this.#connection = undefined;
  }

  #scope(signal: AbortSignal, timeoutMs: number): CallScope {
    const { clock } = this.#options;
    return new CallScope({ signals: [signal, this.#closed.signal], timeoutMs, clock });
  }

  async #run<Result>(call: EngineCall<Result>, scope: CallScope): Promise<Result | Refusal> {
    for (let isRepeated = false; ; isRepeated = true) {
      try {
        const docker = (await scope.race(this.#connect())).clientFor(scope);
        return await scope.race(call.run(docker, scope.signal));
      } catch (error) {
        const refusal = scope.ended === undefined ? refusalIn(error) : undefined;
        if (refusal === undefined) throw this.#failure(error, { what: call.what, scope });
        const isVersion = refusal.status === 400 && /client version/i.test(refusal.message);
        if (!isVersion || isRepeated) return refusal;
        // Another engine than at the last negotiation answers.
        this.#connection = undefined;
      }
    }
  }

  #failure(error: unknown, call: { readonly what: string; readonly scope: CallScope }): unknown {
    if (call.scope.ended === 'aborted') return call.scope.reason;
    if (call.scope.ended === 'timeout') {
      return new CallTimeout(
        `Docker at ${describeDockerHost(this.host)} was to ${call.what}, and did not answer ` +
          `within ${formatDuration(call.scope.timeoutMs)}.`,
      );
    }
    if (error instanceof CubeError) return error;
    // Whatever listens there next may speak another version.
    this.#connection = undefined;
    return connectionError(this.host, error);
  }

  #connect(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    const connection = this.#negotiate();
    this.#connection = connection;
    connection.catch(() => {
      if (this.#connection === connection) this.#connection = undefined;
    });
    return connection;
  }

  /** Shared by every call that waits for it, so it has a bound of its own. */
  async #negotiate(): Promise<Connection> {
    const { callTimeoutMs, clock } = this.#options;
    const timeoutMs = callTimeoutMs;
    const scope = new CallScope({ signals: [this.#closed.signal], timeoutMs, clock });
    try {
      // Loaded here, since it takes a tenth of a second and not everybody has Docker.
      const { default: DockerClient } = await import('dockerode');
      const address = await this.#address();
      const create = (one: CallScope, api?: string): Docker => {
        const options = { ...address, version: api, agent: this.#agent(one) };
        return new DockerClient(options);
      };
      const { api, version } = agreeOnVersion(await scope.race(create(scope).version()));
      return { clientFor: (one) => create(one, api), version };
    } catch (error) {
      const refusal = scope.ended === undefined ? refusalIn(error) : undefined;
      if (refusal !== undefined) throw this.#notAnEngine(refusal);
      throw this.#failure(error, { what: 'tell its version', scope });
    } finally {
      scope.close();
    }
  }

  #notAnEngine(refusal: Refusal): CubeError {
    const where = describeDockerHost(this.host);
    const hint = /HTTPS/i.test(refusal.message)
      ? 'It wants TLS: set DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem.'
      : 'Check DOCKER_HOST: what answers there may not be a Docker Engine.';
    const message = `${where} answered with status ${refusal.status}: ${refusal.message}`;
    return new CubeError('runtime-unavailable', message, { hint });
  }

  /**
   * Connections of one call. They are not kept, since one that a restarted engine has closed
   * would fail the next call. And the client waits for ever for the rest of a reply whose
   * connection was cut in the middle, so an end of the connection ends the call.
   */
  #agent(scope: CallScope): Agent {
    const options = { keepAlive: false };
    const agent = this.isEncrypted ? new nodeHttps.Agent(options) : new nodeHttp.Agent(options);
    const create = agent.createConnection.bind(agent);
    const cut = new Error('it was closed before the reply was complete');
    agent.createConnection = (args, callback) => {
      const socket = create(args, callback);
      socket?.once('close', () => scope.failAfter(REPLY_GRACE_MS, cut));
      return socket;
    };
    scope.signal.addEventListener('abort', () => agent.destroy(), { once: true });
    return agent;
  }

  /** Every field is given, so that the client takes nothing from the environment. */
  async #address(): Promise<Docker.DockerOptions> {
    const { host, certPath } = this.#options;
    const none = { ca: undefined, cert: undefined, key: undefined, timeout: undefined };
    if (host.kind === 'socket') {
      const socketPath = host.paths.find((path) => existsSync(path)) ?? host.paths[0];
      return { ...none, socketPath, host: undefined, port: undefined, protocol: 'http' };
    }
    const read = async (file: string): Promise<string | undefined> =>
      certPath === undefined ? undefined : await readFile(join(certPath, file), 'utf8');
    return {
      timeout: undefined,
      socketPath: undefined,
      host: host.hostname.includes(':') ? `[${host.hostname}]` : host.hostname,
      port: host.port,
      protocol: this.isEncrypted ? 'https' : 'http',
      ca: await read('ca.pem'),
      cert: await read('cert.pem'),
      key: await read('key.pem'),
    };
  }
}

/** The highest version that both sides speak. @throws CubeError when there is none. */
function agreeOnVersion(said: unknown): { readonly api: string; readonly version: string } {
  const facts = isRecord(said) ? said : {};
  const most = minorOf(facts['ApiVersion']);
  const version = typeof facts['Version'] === 'string' ? facts['Version'] : 'unknown';
  if (most === undefined) {
    throw new CubeError('runtime-unavailable', 'What answered is not a Docker Engine.', {
      hint: 'Check DOCKER_HOST.',
    });
  }
  const least = minorOf(facts['MinAPIVersion']) ?? 0;
  if (most < API_MIN) {
    const message = `Docker ${version} is too old: its API is 1.${most}, and 1.${API_MIN} is needed.`;
    throw new CubeError('runtime-unavailable', message, { hint: 'Update Docker.' });
  }
  if (least > API_MAX) {
    const message = `Docker ${version} is too new: it speaks API 1.${least} and later, and this Cube up to 1.${API_MAX}.`;
    throw new CubeError('runtime-unavailable', message, { hint: 'Update Cube.' });
  }
  return { api: `v1.${Math.min(most, API_MAX)}`, version };
}

function minorOf(version: unknown): number | undefined {
  const match = typeof version === 'string' ? /^1\.(\d{1,4})$/.exec(version) : null;
  return match === null ? undefined : Number(match[1]);
}
