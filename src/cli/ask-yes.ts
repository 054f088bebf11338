import type { CliIo } from './cli-io.ts';

/** Asks on the terminal, and waits for a line. Only "y" and "yes" are a yes. */
export async function askYes(io: CliIo, question: string): Promise<boolean> {
  await io.stderr.write(`${question} [y/N] `);
  const decoder = new TextDecoder();
  let answer = '';
  for await (const bytes of io.stdin.read()) {
    answer += decoder.decode(bytes, { stream: true });
    if (answer.includes('\n')) break;
  }
  return /^\s*y(es)?\s*$/i.test(answer.split('\n')[0] ?? '');
}
