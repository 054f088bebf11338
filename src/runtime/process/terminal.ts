import { Duplex } from 'node:stream';
import { CubeError } from '../../errors/cube-error.ts';
import type { SessionInput, SessionRequest } from '../../link/session.ts';
import { SessionOutputs } from '../session-outputs.ts';
import type { ProcessSessionOptions, SessionProcess } from './session-process.ts';
import { SHELL } from './shim.ts';

type TerminalRequest = NonNullable<SessionRequest['terminal']>;

/** Pieces that wait before the terminal is not read any more; what it holds is lost at the end. */
const WAITING_COUNT_MAX = 16;

/** What a user types to say that there is no more. */
const END_OF_INPUT = Buffer.from([4]);

/**
 * Runs the command of a session at a terminal of its own. Node cannot make one; a small optional
 * dependency can, which comes as a prebuilt file for the usual platforms.
 *
 * @throws CubeError `runtime-failed`, where it is not installed.
 */
export async function openTerminal(
  options: ProcessSessionOptions,
  { columns, rows, type }: TerminalRequest,
): Promise<SessionProcess> {
  const { spawn } = await loadTerminals();
  options.signal.throwIfAborted();
  const terminal = spawn(SHELL, [...options.args], {
    name: type ?? 'xterm',
    cols: columns,
    rows,
    cwd: options.directory,
    env: { ...options.environment },
    encoding: null,
  });
  const outputs = new SessionOutputs();
  let waitingCount = 0;
  terminal.onData((data: unknown) => {
    waitingCount += 1;
    if (waitingCount === WAITING_COUNT_MAX) terminal.pause();
    const bytes = data instanceof Uint8Array ? data : Buffer.from(String(data));
    outputs.push({ type: 'stdout', data: bytes }, () => {
      waitingCount -= 1;
      if (waitingCount === WAITING_COUNT_MAX - 1) terminal.resume();
    });
  });
  let isOver = false;
  const ended = new Promise<number>((resolve) => {
    terminal.onExit(({ exitCode, signal = 0 }) => {
      isOver = true;
      resolve(signal === 0 ? exitCode : 128 + signal);
    });
  });
  // The stream behind the terminal tells when it has taken something, which its own method does not.
  const socket: unknown = Reflect.get(terminal, '_socket');
  const take = async (input: SessionInput): Promise<void> => {
    if (isOver) return;
    if (input.type === 'resize') {
      terminal.resize(input.columns, input.rows);
      return;
    }
    const data = input.type === 'end' ? END_OF_INPUT : Buffer.from(input.data);
    if (!(socket instanceof Duplex)) terminal.write(data.toString());
    else await new Promise<void>((resolve) => socket.write(data, () => resolve()));
  };
  return { pid: terminal.pid, outputs, ended, take };
}

async function loadTerminals(): Promise<typeof import('@lydell/node-pty')> {
  try {
    return await import('@lydell/node-pty');
  } catch (cause) {
    throw new CubeError('runtime-failed', 'No terminal can be made for a process on this node.', {
      cause,
      hint: 'Run the command without a terminal (no -t), or install @lydell/node-pty beside Cube there.',
    });
  }
}
