/** Escape sequences for terminals: colours, titles, cursor movements. A page has no use for them. */
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  /\u001b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\]PX^_][^\u0007\u001b\u009c]{0,4096}(?:\u0007|\u001b\\|\u009c)?|[ -/]{0,8}[0-~])/g;

/** Control characters but tab, and marks that turn the direction of text. */
const CONTROLS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Longer lines are cut when they are shown. */
const LENGTH_MAX = 4000;

/** A line of a task's output as it is shown. */
export function plainLogText(line: string): string {
  const text = line.replace(SEQUENCES, '').replace(CONTROLS, '');
  return text.length > LENGTH_MAX ? `${text.slice(0, LENGTH_MAX)} …` : text;
}

/** A text with what cannot be seen in it written out, as JSON writes it: `a\u202eb`. */
export function visibleText(text: string): string {
  return text.replace(
    CONTROLS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A part of a text that is to be marked, or not. */
export interface TextPart {
  /** Where in the text it begins. */
  readonly at: number;
  readonly text: string;
  readonly isMatch: boolean;
}

/** The text in pieces, so that what was searched for, whatever its case, can be marked. */
export function splitMatches(text: string, search: string): readonly TextPart[] {
  const haystack = text.toLowerCase();
  const needle = search.toLowerCase();
  // A few letters have another length in lower case; of a text with such, nothing is marked.
  if (needle === '' || haystack.length !== text.length) return [{ at: 0, text, isMatch: false }];
  const parts: TextPart[] = [];
  let from = 0;
  for (let at = haystack.indexOf(needle); at !== -1; at = haystack.indexOf(needle, from)) {
    if (at > from) parts.push({ at: from, text: text.slice(from, at), isMatch: false });
    from = at + needle.length;
    parts.push({ at, text: text.slice(at, from), isMatch: true });
  }
  if (from < text.length) parts.push({ at: from, text: text.slice(from), isMatch: false });
  return parts;
}
