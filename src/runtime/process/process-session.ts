import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { CubeError, messageOf } from '../../errors/cube-error.ts';
import { assert } from '../../lib/assert.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { SessionInput, SessionOutput } from '../../link/session.ts';
import { SessionOutputs } from '../session-outputs.ts';
import { killSession } from './kill-session.ts';
import type { ProcessSessionOptions, SessionProcess } from './session-process.ts';
import { SHELL } from './shim.ts';
import { openTerminal } from './terminal.ts';

/** Output that others hold open is waited for this long once a command has ended. */
const OUTPUT_WAIT_MS = 100;

/**
 * Runs a command in a session of its own, and kills that whole session when it is done, aborted or
 * not read any more.
 */
export async function* runSession(
  options: ProcessSessionOptions,
): AsyncGenerator<SessionOutput, void, undefined> {
  const { request, input, signal, clock } = options;
  signal.throwIfAborted();
  const { terminal } = request;
  const process =
    terminal === undefined ? openPipes(options) : await openTerminal(options, terminal);
  const { outputs, pid } = process;
  const onAbort = (): void => outputs.fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  process.ended.then(
    (code) => {
      outputs.push({ type: 'exit', code });
      outputs.end();
    },
    (error: unknown) => outputs.fail(error),
  );
  const hands = input[Symbol.asyncIterator]();
  void feed(hands, process).catch((error: unknown) => outputs.fail(error));
  try {
    yield* outputs;
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not waited for: nothing may come any more on which it could end.
    void hands.return?.().then(undefined, () => undefined);
    await killSession(pid, clock);
  }
}

async function feed(hands: AsyncIterator<SessionInput>, process: SessionProcess): Promise<void> {
  let isOver = false;
  const ended = process.ended.then(
    () => undefined,
    () => undefined,
  );
  void ended.then(() => {
    isOver = true;
  });
  for (let next = await hands.next(); next.done !== true; next = await hands.next()) {
    if (isOver) return;
    await Promise.race([process.take(next.value), ended]);
  }
}

function openPipes({ args, directory, environment, clock }: ProcessSessionOptions): SessionProcess {
  const child = spawn(SHELL, args, {
    cwd: directory,
    env: environment,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr, pid } = child;
  if (pid === undefined) {
    const failed = new Promise<number>((_, reject) => {
      child.once('error', (cause) => reject(notStarted(cause)));
    });
    return { pid: 0, outputs: new SessionOutputs(), take: async () => undefined, ended: failed };
  }
  assert(stdin !== null && stdout !== null && stderr !== null, 'all three are pipes');
  const outputs = new SessionOutputs();
  const silence = new Silence(clock, outputs);
  for (const [type, source] of [
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const) {
    pushAll(type, source, { outputs, silence });
  }
  // A command may end without having read all that it was given.
  stdin.on('error', () => undefined);
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, killedBy) => {
      const exitCode = killedBy === null ? (code ?? -1) : 128 + constants.signals[killedBy];
      const finish = (): void => {
        silence.stop();
        for (const source of [stdout, stderr]) source.destroy();
        resolve(exitCode);
      };
      silence.start(finish);
      child.once('close', finish);
      // What it left running goes with it, and lets go of the pipes.
      void killSession(pid, clock);
    });
  });
  return { pid, outputs, ended, take: (input) => takeByPipe(stdin, input) };
}

function takeByPipe(
  stdin: NodeJS.WritableStream & { readonly destroyed?: boolean },
  input: SessionInput,
): Promise<void> {
  return new Promise((resolve) => {
    if (input.type === 'input' && stdin.writable) stdin.write(input.data, () => resolve());
    else {
      if (input.type === 'end') stdin.end();
      resolve();
    }
  });
}

function pushAll(
  type: 'stdout' | 'stderr',
  source: Readable,
  { outputs, silence }: { readonly outputs: SessionOutputs; readonly silence: Silence },
): void {
  source.on('data', (data: Buffer) => {
    source.pause();
    silence.break();
    outputs.push({ type, data }, () => source.resume());
  });
}

/** Calls back once nothing has come for a while and all that came has been taken. */
class Silence {
  readonly #clock: Clock;
  readonly #outputs: SessionOutputs;
  #timer: Timer | undefined;
  #onSilence: (() => void) | undefined;

  constructor(clock: Clock, outputs: SessionOutputs) {
    this.#clock = clock;
    this.#outputs = outputs;
  }

  start(onSilence: () => void): void {
    this.#onSilence = onSilence;
    this.break();
  }

  break(): void {
    if (this.#onSilence === undefined) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(OUTPUT_WAIT_MS, () => {
      if (this.#outputs.isEmpty) this.#onSilence?.();
      else this.break();
    });
  }

  stop(): void {
    this.#onSilence = undefined;
    this.#timer?.cancel();
  }
}

function notStarted(cause: unknown): CubeError {
  return new CubeError('runtime-failed', `The command could not be run: ${messageOf(cause)}.`, {
    cause,
  });
}
