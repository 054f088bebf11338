/** The longest text that an error repeats of what came. */
const LENGTH_MAX = 80;

/** Escapes what a terminal or a reader could stumble over, and shortens to 80 characters. */
export function quoteText(text: string): string {
  // Cut before escaping, so that a text of a megabyte costs nothing.
  const escaped = JSON.stringify(text.slice(0, LENGTH_MAX)).replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
  if (escaped.length <= LENGTH_MAX && text.length <= LENGTH_MAX) return escaped;
  return `${escaped.slice(0, LENGTH_MAX - 2)}…"`;
}

/** The path as people write it: `ports[1].host`, `labels["a/b"]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(String(step))) {
      text += text === '' ? String(step) : `.${String(step)}`;
    } else text += `[${quoteKey(String(step))}]`;
  }
  return text;
}

/**
 * What came, in at most 80 characters. Only plain values are repeated: the contents of objects,
 * lists and environments may hold secrets, so of those only the kind is told.
 */
export function describeValue(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (isPrivate(path)) return `a ${typeof value} (not shown)`;
  return typeof value === 'string' ? quoteText(value) : String(value);
}

/** A key; without what follows a "=", since `KEY=value` may have been put where a key belongs. */
export function quoteKey(key: string): string {
  const end = key.indexOf('=');
  return quoteText(end === -1 ? key : `${key.slice(0, end)}=…`);
}

const PRIVATE_KEY = /^env|secret|password|token/i;

function isPrivate(path: readonly PropertyKey[]): boolean {
  return path.some((step) => PRIVATE_KEY.test(String(step)));
}

/** Whether a JSON text, which may be broken, has a field whose value is not to be repeated. */
export function isPrivateText(text: string): boolean {
  return /"env|secret|password|token/i.test(text);
}
