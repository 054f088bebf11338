import { CubeError } from '../../errors/cube-error.ts';
import { type DockerHost, describeDockerHost } from './docker-host.ts';

/** An answer of the engine that is no success. Whether it is a failure, the caller knows. */
export class Refusal {
  /** The HTTP status: 304 already so, 404 not there, 409 in the way, 500 anything at all. */
  readonly status: number;
  /** The engine's words. */
  readonly message: string;

  constructor(status: number, message: string) {
    this.status = status;
    this.message = message;
  }
}

/** The engine's refusal in what its client has thrown; undefined when it never answered. */
export function refusalIn(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  if (typeof error.statusCode !== 'number') return undefined;
  const json = 'json' in error ? error.json : undefined;
  const told = isRecord(json) && typeof json['message'] === 'string' ? json['message'] : undefined;
  const message = told ?? error.message.replace(/^\(HTTP code \d+\) [^-]{0,80} - /, '');
  return new Refusal(error.statusCode, message.trim().slice(0, 2000));
}

/** That a call got no answer in time: it may be the engine, or what it waits for itself. */
export class CallTimeout extends CubeError {
  constructor(message: string) {
    super('runtime-unavailable', message, {
      hint: 'Look at the log of dockerd (journalctl -u docker); it is tried again.',
    });
  }
}

/** What the engine says when not it but something behind it is away or slow. */
const PASSING =
  /context (?:deadline exceeded|canceled)|transport is closing|connection (?:refused|reset)|containerd.{0,40}(?:unavailable|not running)|code = Unavailable|shutting down/i;

/** A refusal that the caller did not expect, as an error. `what` ends "Docker could not …". */
export function refusalError(what: string, refusal: Refusal): CubeError {
  const isPassing =
    refusal.status === 503 || (refusal.status >= 500 && PASSING.test(refusal.message));
  const code = isPassing ? 'runtime-unavailable' : 'runtime-failed';
  return new CubeError(code, `Docker could not ${what}: ${sentence(refusal.message)}`);
}

/** Why there is no connection, and what to do about it. */
export function connectionError(host: DockerHost, error: unknown): CubeError {
  const where = describeDockerHost(host);
  const { message, hint } = explain(host, where, error);
  return new CubeError('runtime-unavailable', message, { cause: error, hint });
}

interface Explanation {
  readonly message: string;
  readonly hint: string;
}

function explain(host: DockerHost, where: string, error: unknown): Explanation {
  const text = error instanceof Error ? error.message : String(error);
  switch (codeOf(error)) {
    case 'ENOENT':
      return {
        message: `There is no Docker Engine at ${where}.`,
        hint: 'Start Docker (sudo systemctl start docker), or set DOCKER_HOST to where it listens.',
      };
    case 'EACCES':
    case 'EPERM':
      return {
        message: `Permission denied on ${where}.`,
        hint: 'Join the docker group (sudo usermod -aG docker "$USER") and log in again.',
      };
    case 'ECONNREFUSED':
      return {
        message: `Nothing listens at ${where}.`,
        hint: 'Start Docker (sudo systemctl start docker), or set DOCKER_HOST to where it listens.',
      };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        message: `The host of ${where} is not known.`,
        hint: 'Check DOCKER_HOST and the name service.',
      };
    default:
      return explainOther(host, where, text);
  }
}

function explainOther(host: DockerHost, where: string, text: string): Explanation {
  if (host.kind === 'tcp' && /certificate|SSL|TLS|EPROTO/i.test(text)) {
    return {
      message: `No trusted connection to ${where}: ${sentence(text)}`,
      hint: 'Set DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem.',
    };
  }
  return {
    message: `The connection to Docker at ${where} broke: ${sentence(text)}`,
    hint: 'Look at the log of dockerd (journalctl -u docker); it is tried again.',
  };
}

/** The text as a sentence: one line, with a full stop. */
export function sentence(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim().slice(0, 1000);
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

function codeOf(error: unknown): string | undefined {
  return isRecord(error) && typeof error['code'] === 'string' ? error['code'] : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
