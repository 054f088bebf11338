const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** One line down in the same column, as every descendant of the VT100 has it. */
const INDEX = [27, 'D'.charCodeAt(0)];

/**
 * Makes a translator for what a command writes to its own terminal, on the way to one here. Node
 * leaves this one adding a carriage return to each line feed; a program that draws a screen means
 * a lone line feed as "one line down", which another sequence says.
 */
export function createColumnKeeper(): (data: Uint8Array) => Uint8Array {
  let before = 0;
  return (data) => {
    if (!data.includes(LINE_FEED)) {
      before = data.at(-1) ?? before;
      return data;
    }
    const kept: number[] = [];
    for (const byte of data) {
      if (byte === LINE_FEED && before !== CARRIAGE_RETURN) kept.push(...INDEX);
      else kept.push(byte);
      before = byte;
    }
    return Uint8Array.from(kept);
  };
}
