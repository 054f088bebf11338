import { createReadStream } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

/** What a traced program did to the files of one directory, in the order in which it did it. */
export type DiskStep =
  | { readonly kind: 'create'; readonly name: string; readonly isEmptied: boolean }
  | { readonly kind: 'write'; readonly name: string; readonly at: number; readonly bytes: Buffer }
  /** To the end of the file. */
  | { readonly kind: 'append'; readonly name: string; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly name: string; readonly size: number }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string }
  | { readonly kind: 'link'; readonly name: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly name: string }
  | { readonly kind: 'flush-file'; readonly name: string }
  | { readonly kind: 'flush-directory' }
  /** The program said that this transaction is kept. */
  | { readonly kind: 'acknowledge'; readonly index: number };

/** The flags with which strace writes what `readDiskTrace` reads. */
export const diskTraceFlags: readonly string[] = [
  '-f',
  '-y',
  '-xx',
  '-s',
  '70000',
  '-e',
  'trace=openat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,ftruncate,' +
    'rename,renameat,renameat2,link,linkat,unlink,unlinkat,sendfile,copy_file_range',
];

/**
 * Reads a trace. A call that another thread interrupts stands in two lines; it counts where it
 * ends, but an acknowledgement where it begins.
 *
 * @throws Error on a call that would change a file in a way not modelled here.
 */
export async function readDiskTrace(
  logPath: string,
  directory: string,
): Promise<readonly DiskStep[]> {
  const steps: DiskStep[] = [];
  const unfinished = new Map<string, string>();
  for await (const line of createInterface({ input: createReadStream(logPath) })) {
    const match = /^(\d+) +(.*)$/.exec(line);
    if (match === null) continue;
    const [, thread = '', text = ''] = match;
    if (text.endsWith('<unfinished ...>')) {
      unfinished.set(thread, text.slice(0, -'<unfinished ...>'.length).trimEnd());
      const said = readAcknowledgement(text);
      if (said !== undefined) steps.push(...said);
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    const call = resumed === null ? text : (unfinished.get(thread) ?? '') + (resumed[1] ?? '');
    if (resumed !== null && readAcknowledgement(call) !== undefined) continue;
    steps.push(...(readAcknowledgement(call) ?? readCall(call, directory)));
  }
  return steps;
}

/** The steps of a write to standard output, or undefined if the call is none. */
function readAcknowledgement(call: string): readonly DiskStep[] | undefined {
  const match = /^write\(1<[^>]*>, "([^"]*)"/.exec(call);
  if (match === null) return undefined;
  const said = toBytes(match[1] ?? '').toString();
  return [...said.matchAll(/^ACK (\d+)/gm)].map(([, index]) => ({
    kind: 'acknowledge',
    index: Number(index),
  }));
}

function readCall(call: string, directory: string): readonly DiskStep[] {
  const match = /^(\w+)\((.*)\) += (-?\d+)/.exec(call);
  if (match === null || Number(match[3]) < 0) return [];
  const [, name = '', args = '', result = ''] = match;
  const texts = [...args.matchAll(/"([^"]*)"/g)].map(([, text]) => toBytes(text ?? ''));
  const paths = name.startsWith('p') || name === 'write' ? [] : texts.map(String);
  const descriptor = /^\d+<([^>]*)>/.exec(args)?.[1];
  const target = descriptor === undefined ? paths[0] : toBytes(descriptor).toString();
  if (target === undefined) return [];
  if (name === 'fsync' || name === 'fdatasync') {
    if (target === directory) return [{ kind: 'flush-directory' }];
  }
  if (dirname(target) !== directory) return [];
  const file = target.slice(directory.length + 1);
  // The index of the log is rebuilt at each opening, and the guard is always empty.
  if (file.endsWith('-shm') || file.endsWith('.guard')) return [];
  return [toStep({ name, args, file, result: Number(result), texts, paths })].flat();
}

interface DiskCall {
  readonly name: string;
  readonly args: string;
  readonly file: string;
  readonly result: number;
  readonly texts: readonly Buffer[];
  readonly paths: readonly string[];
}

function toStep({ name, args, file, result, texts, paths }: DiskCall): DiskStep | DiskStep[] {
  const bytes = texts[0]?.subarray(0, result) ?? Buffer.alloc(0);
  const lastNumber = Number(/(\d+)$/.exec(args)?.[1]);
  if (/^(pwrite64|ftruncate)$/.test(name) && Number.isNaN(lastNumber)) {
    throw new Error(`The trace has no place for ${name}(… ${args.slice(-100)}).`);
  }
  const to = paths[1]?.slice(dirname(paths[1]).length + 1) ?? '';
  switch (name) {
    case 'openat':
      if (!args.includes('O_CREAT')) return [];
      return { kind: 'create', name: file, isEmptied: args.includes('O_TRUNC') };
    case 'pwrite64':
      return { kind: 'write', name: file, at: lastNumber, bytes };
    case 'write':
      return { kind: 'append', name: file, bytes };
    case 'ftruncate':
      return { kind: 'truncate', name: file, size: lastNumber };
    case 'rename':
      return { kind: 'rename', name: file, to };
    case 'link':
      return { kind: 'link', name: file, to };
    case 'unlink':
      return { kind: 'unlink', name: file };
    case 'fsync':
    case 'fdatasync':
      return { kind: 'flush-file', name: file };
    default:
      throw new Error(`The model of the disk does not know ${name}(${args.slice(0, 200)}).`);
  }
}

/** The bytes of a text that strace wrote with `-xx`; what is not escaped stands for itself. */
function toBytes(text: string): Buffer {
  if (/^(\\x[0-9a-f]{2})*$/.test(text)) return Buffer.from(text.replaceAll('\\x', ''), 'hex');
  return Buffer.from(
    text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
  );
}
