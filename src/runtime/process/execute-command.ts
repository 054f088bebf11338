import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { CubeError, messageOf } from '../../errors/cube-error.ts';
import { assert } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ExecuteResult } from '../runtime.ts';
import { sendSignal } from './marked-processes.ts';

const OUTPUT_BYTES_MAX = 4096;

/** How long the output of a command is waited for after its end, when others hold it open. */
const OUTPUT_WAIT_MS = 100;

export interface ExecuteCommandOptions {
  readonly directory: string;
  /** A file that the command finds open as descriptor 3. */
  readonly descriptor: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Runs a command in a process group of its own and kills the whole group when it is done, or not
 * done in time.
 *
 * @throws CubeError `runtime-failed`, when it cannot be started; the signal's reason on abort.
 */
export function executeCommand(
  command: readonly [string, ...string[]],
  options: ExecuteCommandOptions,
): Promise<ExecuteResult> {
  const { directory, descriptor, environment, timeoutMs, clock, signal } = options;
  signal.throwIfAborted();
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: directory,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', descriptor],
  });
  const { stdout, stderr } = child;
  assert(stdout !== null && stderr !== null, 'both are pipes');
  const output: Buffer[] = [];
  let outputBytes = 0;
  // All of it is read, or the command would wait for ever; only the beginning is kept.
  const keep = (chunk: Buffer): void => {
    const kept = chunk.subarray(0, OUTPUT_BYTES_MAX - outputBytes);
    outputBytes += kept.length;
    if (kept.length > 0) output.push(kept);
  };
  stdout.on('data', keep);
  stderr.on('data', keep);
  return new Promise((resolve, reject) => {
    let isLate = false;
    const killGroup = (): void => {
      if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
    };
    const timer = clock.setTimer(timeoutMs, () => {
      isLate = true;
      killGroup();
    });
    signal.addEventListener('abort', killGroup, { once: true });
    const release = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', killGroup);
    };
    child.once('error', (cause) => {
      release();
      reject(
        new CubeError('runtime-failed', `The command could not be run: ${messageOf(cause)}.`, {
          cause,
        }),
      );
    });
    child.once('exit', (code, killedBy) => {
      release();
      const exitCode = killedBy === null ? (code ?? -1) : 128 + constants.signals[killedBy];
      // What it left running goes with it. Its group cannot have been given to others: as long
      // as a member lives the id is taken, and without one there is nobody to kill.
      killGroup();
      const finish = (): void => {
        wait.cancel();
        stdout.destroy();
        stderr.destroy();
        if (signal.aborted) reject(signal.reason);
        else {
          const text = Buffer.concat(output).toString('utf8');
          resolve({ exitCode: isLate ? -1 : exitCode, output: text });
        }
      };
      const wait = clock.setTimer(OUTPUT_WAIT_MS, finish);
      child.once('close', finish);
    });
  });
}
