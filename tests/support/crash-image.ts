import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../src/lib/random.ts';
import type { DiskStep } from './disk-trace.ts';

/** What a disk writes in one piece, in bytes. */
const SECTOR_BYTES = 512;

/**
 * A disk of which the power may be cut.
 *
 * What was flushed is there afterwards. Of the bytes written to a file since its last flush, any
 * sectors may be there and any may not, whatever their order. Changes of names since the last
 * flush of the directory are there up to some point, as a journal keeps them.
 */
export class CrashDisk {
  #names = new Map<string, File>();
  #flushedNames = new Map<string, File>();
  readonly #unflushedNames: NameChange[] = [];

  apply(step: DiskStep): void {
    switch (step.kind) {
      case 'create':
        if (!this.#names.has(step.name))
          this.#change({ kind: 'set', name: step.name, file: new File() });
        if (step.isEmptied) this.#file(step.name).truncate(0);
        break;
      case 'write':
        this.#file(step.name).write(step.at, step.bytes);
        break;
      case 'append':
        this.#file(step.name).append(step.bytes);
        break;
      case 'truncate':
        this.#file(step.name).truncate(step.size);
        break;
      case 'rename':
        this.#change({ kind: 'move', name: step.name, to: step.to, file: this.#file(step.name) });
        break;
      case 'link':
        this.#change({ kind: 'set', name: step.to, file: this.#file(step.name) });
        break;
      case 'unlink':
        this.#change({ kind: 'delete', name: step.name });
        break;
      case 'flush-file':
        this.#file(step.name).flush();
        break;
      case 'flush-directory':
        this.#flushedNames = new Map(this.#names);
        this.#unflushedNames.length = 0;
        break;
      case 'acknowledge':
        break;
    }
  }

  /** Writes what the disk may hold after a cut of the power now. */
  writeImage(directory: string, random: Random): void {
    mkdirSync(directory);
    const names = new Map(this.#flushedNames);
    const keptChanges = Math.floor(random.next() * (this.#unflushedNames.length + 1));
    for (const change of this.#unflushedNames.slice(0, keptChanges)) applyChange(names, change);
    // Each image has a mood of its own, from losing nearly all to keeping nearly all.
    const keptShare = random.next();
    for (const [name, file] of names) {
      writeFileSync(join(directory, name), file.afterCut(random, keptShare));
    }
  }

  #change(change: NameChange): void {
    applyChange(this.#names, change);
    this.#unflushedNames.push(change);
  }

  #file(name: string): File {
    const file = this.#names.get(name);
    if (file === undefined) throw new Error(`The trace has no creation of ${name}.`);
    return file;
  }
}

type NameChange =
  | { readonly kind: 'set'; readonly name: string; readonly file: File }
  | { readonly kind: 'move'; readonly name: string; readonly to: string; readonly file: File }
  | { readonly kind: 'delete'; readonly name: string };

function applyChange(names: Map<string, File>, change: NameChange): void {
  if (change.kind === 'set') {
    names.set(change.name, change.file);
    return;
  }
  names.delete(change.name);
  if (change.kind === 'move') names.set(change.to, change.file);
}

type FileChange =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

class File {
  readonly #flushed = new FileContent();
  #unflushed: FileChange[] = [];
  #size = 0;

  write(at: number, bytes: Buffer): void {
    this.#unflushed.push({ kind: 'write', at, bytes });
    this.#size = Math.max(this.#size, at + bytes.length);
  }

  append(bytes: Buffer): void {
    this.write(this.#size, bytes);
  }

  truncate(size: number): void {
    this.#unflushed.push({ kind: 'truncate', size });
    this.#size = size;
  }

  flush(): void {
    for (const change of this.#unflushed) this.#flushed.apply(change);
    this.#unflushed = [];
  }

  afterCut(random: Random, keptShare: number): Buffer {
    const content = new FileContent(this.#flushed.bytes());
    for (const change of this.#unflushed.flatMap(toSectors)) {
      if (random.next() < keptShare) content.apply(change);
    }
    return content.bytes();
  }
}

/** Splits a write where the disk may tear it. */
function toSectors(change: FileChange): readonly FileChange[] {
  if (change.kind === 'truncate') return [change];
  const pieces: FileChange[] = [];
  for (let start = 0; start < change.bytes.length; ) {
    const at = change.at + start;
    const length = Math.min(SECTOR_BYTES - (at % SECTOR_BYTES), change.bytes.length - start);
    pieces.push({ kind: 'write', at, bytes: change.bytes.subarray(start, start + length) });
    start += length;
  }
  return pieces;
}

/** The bytes of a file; room grows ahead of them, so that many small writes stay cheap. */
class FileContent {
  #room: Buffer;
  #size: number;

  constructor(initial: Buffer = Buffer.alloc(0)) {
    this.#room = Buffer.from(initial);
    this.#size = initial.length;
  }

  apply(change: FileChange): void {
    if (change.kind === 'truncate') {
      this.#grow(change.size);
      // What comes back after a cut are zeros.
      this.#room.fill(0, change.size);
      this.#size = change.size;
    } else {
      this.#grow(change.at + change.bytes.length);
      change.bytes.copy(this.#room, change.at);
    }
  }

  bytes(): Buffer {
    return this.#room.subarray(0, this.#size);
  }

  #grow(size: number): void {
    if (size > this.#room.length) {
      const room = Buffer.alloc(2 * size);
      this.#room.copy(room, 0, 0, this.#size);
      this.#room = room;
    }
    this.#size = Math.max(this.#size, size);
  }
}
