import { findJsonFault, type JsonFault, type JsonLimits } from '../lib/json-fault.ts';
import { CubeError } from './cube-error.ts';
import { formatPath, isPrivateText, quoteText } from './describe-value.ts';
import { invalidInput } from './input-issues.ts';

/** How deep and how wide a JSON input may be, wherever it comes from. */
const jsonLimits: JsonLimits = { depthMax: 20, itemCountMax: 10_000 };

/**
 * Reads one JSON document in UTF-8, with or without a byte order mark.
 *
 * @param what names the input for messages, such as `The body`.
 * @throws CubeError `not-understood`, with line, column and surroundings, for what is not JSON in
 * UTF-8; `invalid-input` for a key given twice, one that would reach a prototype, a number that
 * cannot be held, and whatever is too deep or too wide.
 */
export function readJson(bytes: Uint8Array, what: string): unknown {
  const text = decode(bytes, what);
  const fault = findJsonFault(text, jsonLimits);
  if (fault !== undefined) throw refuse(fault, text, what);
  return JSON.parse(text);
}

function decode(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new CubeError('not-understood', `${what} is not valid UTF-8.`, {
      cause: error,
      hint: 'Send JSON encoded as UTF-8.',
      issues: [{ field: '', got: 'bytes that are not UTF-8', want: 'JSON in UTF-8' }],
    });
  }
}

function refuse(fault: JsonFault, text: string, what: string): CubeError {
  const { line, column } = placeOf(text, fault.position);
  const around = surroundings(text, fault.position);
  const place = `line ${line}, column ${column}`;
  if (fault.kind !== 'syntax') {
    const issue = {
      field: shorten(formatPath(fault.path)),
      got: around,
      want: `${fault.want} (${place})`,
    };
    return invalidInput(what, [issue]);
  }
  return new CubeError(
    'not-understood',
    `${what} is not JSON: at ${place}, near ${around}, want ${fault.want}.`,
    { issues: [{ field: '', got: around, want: `${fault.want}, at ${place}` }] },
  );
}

function placeOf(text: string, position: number): { line: number; column: number } {
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  return { line, column: position - before.lastIndexOf('\n') };
}

/**
 * Up to 20 characters on both sides of the place. Of a text that may hold a secret only the
 * punctuation is shown: that suffices to find the place, and errors end up in logs.
 */
function surroundings(text: string, position: number): string {
  const near = text.slice(Math.max(0, position - 20), position + 20);
  if (near === '') return 'the end';
  return quoteText(isPrivateText(text) ? near.replace(/[^\s{}[\]:,"]/g, '*') : near);
}

function shorten(path: string): string {
  return path.length <= 80 ? path : `${path.slice(0, 79)}…`;
}
