import { crc32 } from 'node:zlib';

/** What a checksum vouches for: all of a record, and that it stands where it was put. */
export interface ChecksummedRecord {
  readonly collection: string;
  /** As the data file holds it. */
  readonly keyText: string;
  readonly version: number;
  readonly text: string;
}

/**
 * CRC-32 of a record. SQLite does not notice most flipped bits; this finds every single one, and
 * a record that came to stand under another key.
 */
export function recordChecksum(record: ChecksummedRecord): number {
  const place = crc32(`${record.collection} ${record.version} ${record.keyText}\n`);
  return crc32(record.text, place);
}
