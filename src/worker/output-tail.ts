import type { Clock } from '../lib/clock.ts';
import type { AttemptKey } from '../link/protocol.ts';
import type { Runtime } from '../runtime/runtime.ts';

const LINE_COUNT = 20;
const BYTES_MAX = 8192;
/** An end is reported without its output rather than this much later, in milliseconds. */
const READ_MS_MAX = 2000;

/**
 * The last lines of an ended instance's output, at most 8 KiB; undefined when it wrote nothing.
 *
 * @throws what the runtime throws, or the signal's reason.
 */
export async function readOutputTail(
  runtime: Runtime,
  key: AttemptKey,
  context: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string | undefined> {
  const late = new AbortController();
  const timer = context.clock.setTimer(READ_MS_MAX, () => {
    late.abort(new Error(`The output could not be read within ${READ_MS_MAX} ms.`));
  });
  try {
    const lines: string[] = [];
    const signal = AbortSignal.any([context.signal, late.signal]);
    const options = { follow: false, tail: LINE_COUNT, signal };
    for await (const { text } of runtime.logs(key, options)) {
      lines.push(text);
      if (lines.length > LINE_COUNT) lines.shift();
    }
    return lines.length === 0 ? undefined : lastBytes(lines.join('\n'));
  } finally {
    timer.cancel();
  }
}

function lastBytes(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= BYTES_MAX) return text;
  let start = bytes.length - BYTES_MAX;
  // Begin at a character, not inside one.
  while (start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.subarray(start).toString();
}
