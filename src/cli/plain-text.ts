/** Escape sequences: CSI, OSC and other strings up to their end, and two-character escapes. */
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  /\u001b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\]PX^_][^\u0007\u001b\u009c]{0,4096}(?:\u0007|\u001b\\|\u009c)?|[ -/]{0,8}[0-~])/g;

/** Control characters but tab, separators of lines, and marks that turn the direction of text. */
const CONTROLS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Those that JSON leaves as they are within strings. */
const JSON_CONTROLS = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line of foreign text without anything that a terminal would obey. */
export function toPlainText(text: string): string {
  return text.replace(SEQUENCES, '').replace(/\r?\n/g, ' ').replace(CONTROLS, '');
}

/** JSON with the same meaning, and without anything that a terminal would obey. */
export function toPlainJson(json: string): string {
  return json.replace(
    JSON_CONTROLS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** As `toPlainText`, for text of several lines. */
export function toPlainLines(text: string): readonly string[] {
  return text.replace(/\n$/, '').split(/\r?\n/).map(toPlainText);
}

/** Scripts and signs that take two columns of a terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;

const COMBINING = /^\p{M}$/u;

/** How many columns of a terminal `text` takes, colours not counted. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text.replace(SEQUENCES, '')) {
    if (!COMBINING.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

/** `text` in at most `width` columns, with a mark where something was cut off. */
export function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let taken = '';
  let used = 0;
  for (const character of text) {
    const next = widthOf(character);
    if (used + next > width - 1) break;
    taken += character;
    used += next;
  }
  return `${taken.trimEnd()}…`;
}

/** `1 task`, `2 tasks`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
