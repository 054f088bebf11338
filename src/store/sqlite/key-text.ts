/**
 * Keys are ordered by UTF-16 code unit, as JavaScript compares strings; SQLite compares the bytes
 * of UTF-8, which differs once a key has code units from U+D800 on. Such a unit is written as the
 * supplementary code point `0x10000 + unit`: nothing below is touched, the order of the bytes is
 * the order of the units, and lone surrogates survive.
 */
const SUPPLEMENT = 0x10000;
const UNIT_MIN = 0xd800;
const UNITS_TO_LIFT: RegExp = /[\ud800-\uffff]/g;
const SUPPLEMENTARY: RegExp = /[\u{10000}-\u{10ffff}]/gu;

/** `key` as the data file holds it. */
export function toKeyText(key: string): string {
  return hasLiftedUnits(key)
    ? key.replace(UNITS_TO_LIFT, (unit) => String.fromCodePoint(SUPPLEMENT + unit.charCodeAt(0)))
    : key;
}

/** The key of which `text` is the stored form. */
export function fromKeyText(text: string): string {
  return hasLiftedUnits(text)
    ? text.replace(SUPPLEMENTARY, (point) =>
        String.fromCharCode((point.codePointAt(0) ?? SUPPLEMENT) - SUPPLEMENT),
      )
    : text;
}

function hasLiftedUnits(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) >= UNIT_MIN) return true;
  }
  return false;
}
