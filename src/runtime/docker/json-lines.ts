import type { Readable } from 'node:stream';
import { CubeError } from '../../errors/cube-error.ts';
import type { Clock } from '../../lib/clock.ts';

const LINE_BYTES_MAX = 1024 * 1024;

/**
 * The values of a stream of JSON, one a line, as they come. Lines that are no JSON are left out:
 * they tell nothing.
 *
 * @throws CubeError `runtime-unavailable` for a line without end, or what ended the stream.
 */
export async function* readJsonLines(stream: Readable): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const pieces = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
    rest = pieces.pop() ?? '';
    for (const piece of pieces) yield* parsed(piece);
    if (rest.length > LINE_BYTES_MAX) {
      throw new CubeError('runtime-unavailable', 'Docker sent a message of more than 1 MiB.');
    }
  }
  yield* parsed(rest);
}

function* parsed(line: string): Generator<unknown> {
  if (line.trim() === '') return;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return;
  }
  yield value;
}

/** Destroys the stream with `error` when it has been silent for `silenceMs` milliseconds. */
export function endWhenSilent(
  stream: Readable,
  options: { readonly silenceMs: number; readonly clock: Clock; readonly error: () => Error },
): void {
  const { clock, silenceMs } = options;
  const arm = () => clock.setTimer(silenceMs, () => stream.destroy(options.error()));
  let timer = arm();
  stream.on('data', () => {
    timer.cancel();
    timer = arm();
  });
  // A listener sets the stream flowing; its reader sets its own pace.
  stream.pause();
  stream.once('close', () => timer.cancel());
}
