import { assert } from '../../lib/assert.ts';
import type { Json, StoredRecord } from '../store.ts';
import { fromKeyText } from './key-text.ts';
import type { RecordPage } from './store-message.ts';

/** The records of a page, as callers get them. */
export function decodeRecords({ texts, versions }: RecordPage): readonly StoredRecord[] {
  return versions.map((version, index) => {
    const keyText = texts[2 * index];
    const text = texts[2 * index + 1];
    assert(keyText !== undefined && text !== undefined, 'each record has a key and a text');
    const value: Json = JSON.parse(text);
    return { key: fromKeyText(keyText), value, version };
  });
}
