import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CubeClient, createCubeClient } from '../../src/client/cube-client.ts';
import { eventually } from './eventually.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The command line as it is shipped, on the Node of the checkout. */
const CUBE = {
  node: join(root, 'node_modules', '.bin', 'node'),
  bin: join(root, 'bin', 'cube.js'),
} as const;

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer();
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A long-running `cube` command, which can be killed and started again as it was. */
export class CubeProcess implements AsyncDisposable {
  readonly args: readonly string[];
  readonly #environment: Record<string, string> | undefined;
  readonly #prefix: readonly string[];
  #child: ChildProcess | undefined;
  #output = '';

  /** `prefix` are words before the command, of a program that becomes it, as `ip netns exec x`. */
  constructor(
    args: readonly string[],
    environment?: Record<string, string>,
    prefix: readonly string[] = [],
  ) {
    this.args = args;
    this.#environment = environment;
    this.#prefix = prefix;
  }

  /** Everything it has written since it was first started. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`cube ${this.args[0]} does not run.`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  start(): void {
    const [file = '', ...args] = [...this.#prefix, CUBE.node, CUBE.bin, ...this.args];
    const child = spawn(file, args, {
      env: cleanEnvironment(this.#environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        this.#output += String(chunk);
      });
    }
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    this.#child = child;
  }

  /** Sends a signal, such as SIGSTOP, and goes on. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Waits for an end that something else brings about. Returns the exit code, or the signal. */
  async untilEnd(): Promise<number | NodeJS.Signals> {
    const child = this.#child;
    if (child === undefined) throw new Error(`cube ${this.args[0]} does not run.`);
    return await new Promise((resolve) => {
      child.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
    });
  }

  /** Sends the signal and waits for the end. Returns the exit code, or null after a signal. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}

/** Whether something runs under this number, other than a corpse. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) [ZX] /.test(stat);
}

/** Waits until the manager at the port serves, and gives a client for it. */
export async function clientOf(port: number, token?: string): Promise<CubeClient> {
  const url = `http://127.0.0.1:${port}`;
  const client = createCubeClient({ url, ...(token === undefined ? {} : { token }) });
  await eventually(`a manager serves at ${url}`, async () => {
    try {
      return await client.status();
    } catch {
      // It is not up yet; the deadline of the wait decides.
      return undefined;
    }
  });
  return client;
}

/** Nothing of the test's own settings reaches a command. */
function cleanEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !entry[0].startsWith('CUBE_') && !entry[0].startsWith('VITEST'),
  );
  return { ...Object.fromEntries(kept), ...more };
}
