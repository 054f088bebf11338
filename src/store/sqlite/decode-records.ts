import { assert } from '../../lib/assert.ts';
import type { Json, RecordText, StoredRecord } from '../store.ts';
import { fromKeyText } from './key-text.ts';
import type { RecordPage } from './store-message.ts';

/** The records of a page, as callers get them. */
export function decodeRecords(page: RecordPage): readonly StoredRecord[] {
  return toRecordTexts(page).map(({ key, text, version }) => {
    const value: Json = JSON.parse(text);
    return { key, value, version };
  });
}

/** The records of a page, of which each value is left as text. */
export function toRecordTexts({ texts, versions }: RecordPage): readonly RecordText[] {
  return versions.map((version, index) => {
    const keyText = texts[2 * index];
    const text = texts[2 * index + 1];
    assert(keyText !== undefined && text !== undefined, 'each record has a key and a text');
    return { key: fromKeyText(keyText), text, version };
  });
}
