import type { FetchReply } from '../client/connection.ts';
import type { CliIo } from './cli-io.ts';

/** Long enough for a Cube on this machine. */
const PROBE_MS = 2000;
const ANSWER_BYTES_MAX = 1000;

/** Whether what listens there answers as Cube does. */
export async function isCube(io: CliIo, url: string): Promise<boolean> {
  const abort = new AbortController();
  const timer = io.clock.setTimer(PROBE_MS, () => abort.abort());
  try {
    const response = await io.fetch(`${url}/healthz`, { signal: abort.signal });
    const answer: unknown = JSON.parse(await readStart(response));
    return typeof answer === 'object' && answer !== null && 'healthy' in answer;
  } catch {
    // Whatever it is, it does not speak as Cube does.
    return false;
  } finally {
    timer.cancel();
  }
}

/** As much of the answer as Cube would say. */
async function readStart({ body }: FetchReply): Promise<string> {
  const reader = body?.getReader();
  const bytes: Uint8Array[] = [];
  for (let count = 0; count < ANSWER_BYTES_MAX; ) {
    const { value } = (await reader?.read()) ?? {};
    if (value === undefined) return Buffer.concat(bytes).toString();
    bytes.push(value);
    count += value.byteLength;
  }
  await reader?.cancel();
  return Buffer.concat(bytes).toString();
}
