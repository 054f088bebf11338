import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { cli } from '../support/cli.ts';
import { startCliDaemon } from '../support/cli-daemon.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const main = JSON.stringify(new URL('../../src/cli/main.ts', import.meta.url));

class CliProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  stdout = '';
  stderr = '';

  constructor(argv: readonly string[]) {
    const script = `const { main } = await import(${main}); await main(process.argv.slice(1));`;
    const options = ['--input-type=module', '-e', script, '--', ...argv];
    this.#child = spawn(process.execPath, options, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], DOCKER_HOST: 'unix:///nonexistent/docker.sock' },
    });
    this.#child.stdout?.on('data', (chunk) => {
      this.stdout += String(chunk);
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.stderr += String(chunk);
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, 'exit');
    }
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.ended();
  }
}

/** A Cube in a process of its own, with its address. */
async function startUp(directory: string, ...flags: string[]): Promise<[CliProcess, string]> {
  const argv = ['up', '--json', '--data-dir', directory, '--port', '0', '--worker-port', '0'];
  const up = new CliProcess([...argv, ...flags]);
  const greeting = await eventually('it serves', () =>
    up.stdout.endsWith('\n') ? JSON.parse(up.stdout) : undefined,
  );
  return [up, greeting.url];
}

describe('signals', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends it in order', async (signal) => {
    await using directory = await temporaryDirectory();
    const [up] = await startUp(directory.path);
    await using _up = up;
    up.kill(signal);
    expect(await up.ended()).toBe(0);
    expect(up.stderr).toContain('Cube has stopped. No task was running here.');
  });

  test('a second one ends it at once, with 130', async () => {
    await using directory = await temporaryDirectory();
    const [up, url] = await startUp(directory.path, '--stop-tasks');
    await using _up = up;
    // It does not end by itself when asked to, so stopping it takes its whole time-out.
    const stubborn = ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'];
    const flags = ['--name', 'stubborn', '--stop-timeout', '10m', '--restart', 'never'];
    const argv = ['run', '-m', url, ...flags, '--', ...stubborn];
    expect((await cli(argv, { clock: systemClock })).exitCode).toBe(0);
    up.kill('SIGINT');
    await eventually('it is stopping', () => up.stderr.includes('Stopping …'));
    up.kill('SIGINT');
    expect(await up.ended()).toBe(130);
    // What it left behind is found again, and ended.
    await using next = await startCliDaemon(
      ['up', '--data-dir', directory.path, '--port', '0', '--worker-port', '0'],
      { clock: systemClock },
    );
    const killed = await eventually('the task is known again', async () => {
      const status = await cli(['status', 'stubborn', '--json', '-m', next.url]);
      const pid = JSON.parse(status.stdout).status.runtimeId;
      return pid === undefined ? undefined : Number(pid);
    });
    process.kill(killed, 'SIGKILL');
  });

  test('Ctrl-C ends a command that follows, and leaves the rest alone', async () => {
    await using directory = await temporaryDirectory();
    await using daemon = await startCliDaemon(
      ['up', '--data-dir', join(directory.path, 'd'), '--port', '0', '--worker-port', '0'],
      { clock: systemClock },
    );
    await using events = new CliProcess(['events', '--follow', '-m', daemon.url]);
    await eventually('events come', () => events.stdout.includes('node-joined'));
    events.kill('SIGINT');
    await events.ended();
    expect(events.stderr).toBe('');
  });
});
