import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { WriterPlan } from './store-writer.ts';

const program = fileURLToPath(new URL('./store-writer.ts', import.meta.url));

export interface WriterRun {
  /** What it said, line by line. */
  readonly lines: readonly string[];
  /** The transactions it called acknowledged, in that order. */
  readonly acknowledged: readonly number[];
  /** How long each of them took, in milliseconds. */
  readonly delaysMs: readonly number[];
  /** The code with which each of the others was refused. */
  readonly refused: ReadonlyMap<number, string>;
  readonly signal: NodeJS.Signals | null;
  readonly exitCode: number | null;
  readonly errorText: string;
}

export interface RunWriterOptions {
  /** Words to put before the command: a tracer with its flags. */
  readonly prefix?: readonly string[];
  /** Called for each chunk of output, with all of it so far and a way to kill. */
  readonly onOutput?: (output: string, kill: () => void) => void;
}

/** Runs the writer to its end. */
export function runWriter(plan: WriterPlan, options: RunWriterOptions = {}): Promise<WriterRun> {
  const command = [...(options.prefix ?? []), process.execPath, program, JSON.stringify(plan)];
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errorText = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    options.onOutput?.(output, () => child.kill('SIGKILL'));
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errorText += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      resolve({ ...readLines(output), signal, exitCode, errorText });
    });
  });
}

function readLines(
  output: string,
): Pick<WriterRun, 'lines' | 'acknowledged' | 'delaysMs' | 'refused'> {
  // A line that was cut by the kill has not been said.
  const lines = output.slice(0, output.lastIndexOf('\n') + 1).split('\n');
  const acknowledged: number[] = [];
  const delaysMs: number[] = [];
  const refused = new Map<number, string>();
  for (const line of lines) {
    const [word, index, detail] = line.split(' ');
    if (word === 'ACK') {
      acknowledged.push(Number(index));
      delaysMs.push(Number(detail));
    } else if (word === 'FAIL') {
      refused.set(Number(index), detail ?? '');
    }
  }
  return { lines, acknowledged, delaysMs, refused };
}
