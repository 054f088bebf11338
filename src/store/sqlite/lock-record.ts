import { readFileSync, rmSync } from 'node:fs';
import { CubeError } from '../../errors/cube-error.ts';
import { writeFileDurably } from './durable-file.ts';
import { currentProcessStamp, isRunning, type ProcessStamp, startTimeOf } from './process-stamp.ts';

/**
 * Says who holds a data file, so that whoever is refused can be told.
 *
 * What keeps a second opener out is the lock on the data file itself, which the system drops when
 * its holder dies. The record stands before it for two reasons: it has a name to give, and a
 * second opening within one process must be refused before it touches the file, since closing any
 * descriptor of a file makes a process lose its POSIX locks on it.
 */
export class LockRecord {
  readonly #dataPath: string;
  readonly #recordPath: string;

  constructor(dataPath: string) {
    this.#dataPath = dataPath;
    this.#recordPath = `${dataPath}.lock`;
  }

  /** @throws CubeError `storage-locked`, when the process in the record still runs. */
  assertFree(): void {
    const holder = this.#read();
    if (holder !== undefined && isRunning(holder)) throw this.lockedError();
  }

  /** Writes the record of this process over whatever stood there. */
  take(): void {
    writeFileDurably(this.#recordPath, `${JSON.stringify(currentProcessStamp())}\n`);
  }

  /** Removes the record. */
  release(): void {
    rmSync(this.#recordPath, { force: true });
  }

  /** The refusal of a file that somebody holds, with what is known of the holder. */
  lockedError(): CubeError {
    const holder = this.#read();
    const isNamed = holder !== undefined && (isRunning(holder) || !isOfThisPidNamespace(holder));
    const who = isNamed ? describeProcess(holder) : 'another process that gave no name';
    return new CubeError('storage-locked', `The data file ${this.#dataPath} is held by ${who}.`, {
      hint: 'Stop that process, or choose another data directory.',
    });
  }

  /** Undefined when there is none, or none that can be read: then the file's own lock decides. */
  #read(): ProcessStamp | undefined {
    let record: unknown;
    try {
      record = JSON.parse(readFileSync(this.#recordPath, 'utf8'));
    } catch {
      return undefined;
    }
    return parseProcessStamp(record);
  }
}

function parseProcessStamp(record: unknown): ProcessStamp | undefined {
  if (typeof record !== 'object' || record === null) return undefined;
  if (!('pid' in record && 'bootId' in record)) return undefined;
  if (!('startTicks' in record && 'pidNamespace' in record)) return undefined;
  const { pid, bootId, startTicks, pidNamespace } = record;
  if (typeof pid !== 'number' || typeof startTicks !== 'number') return undefined;
  if (typeof bootId !== 'string' || typeof pidNamespace !== 'string') return undefined;
  return { pid, bootId, startTicks, pidNamespace };
}

function isOfThisPidNamespace(stamp: ProcessStamp): boolean {
  return stamp.pidNamespace === currentProcessStamp().pidNamespace;
}

function describeProcess(stamp: ProcessStamp): string {
  const startTime = startTimeOf(stamp);
  const since = startTime === undefined ? '' : `, started ${new Date(startTime).toISOString()}`;
  if (!isOfThisPidNamespace(stamp)) return `process ${stamp.pid} of another container${since}`;
  const self = stamp.pid === process.pid ? ' (this very process)' : '';
  return `process ${stamp.pid}${self}${since}`;
}
