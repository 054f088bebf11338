import { readdir, readFile, readlink } from 'node:fs/promises';
import type { PublishedPort } from '../task/port.ts';

/** Listening, in the kernel's table of TCP sockets. UDP sockets do not listen: bound is taken. */
const TCP_LISTEN = '0A';

/** A socket that is in the way. */
export interface PortHolder {
  readonly address: string;
  /** Who holds it, in words; undefined where that may not be looked up. */
  readonly program: string | undefined;
}

/**
 * Who holds the port on an address that overlaps with the wanted one. Looks at the kernel's
 * tables and opens no socket, so it is in nobody's way.
 *
 * @returns undefined when the port is free.
 */
export async function findPortHolder(wanted: PublishedPort): Promise<PortHolder | undefined> {
  for (const suffix of ['', '6']) {
    let table: string;
    try {
      table = await readFile(`/proc/net/${wanted.protocol}${suffix}`, 'latin1');
    } catch {
      // A machine without IPv6 has no table of it.
      continue;
    }
    const socket = findSocket(table, wanted);
    if (socket === undefined) continue;
    return { address: socket.address, program: await findProgram(socket.inode) };
  }
  return undefined;
}

/** The first socket in one of the kernel's tables that takes the port from the wanted address. */
export function findSocket(
  table: string,
  wanted: PublishedPort,
): { readonly address: string; readonly inode: string } | undefined {
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [hexAddress = '', hexPort = ''] = (fields[1] ?? '').split(':');
    if (Number.parseInt(hexPort, 16) !== wanted.host) continue;
    if (wanted.protocol === 'tcp' && fields[3] !== TCP_LISTEN) continue;
    const address = toAddress(hexAddress);
    if (doOverlap(address, wanted.address)) return { address, inode: fields[9] ?? '' };
  }
  return undefined;
}

/** An address as the kernel writes it: words of four bytes, each in the machine's byte order. */
function toAddress(hex: string): string {
  const bytes = Buffer.concat(
    (hex.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, 'hex').reverse()),
  );
  const isMapped = bytes.length === 16 && bytes.toString('hex', 0, 12) === `${'0'.repeat(20)}ffff`;
  if (bytes.length === 4 || isMapped) return [...bytes.subarray(-4)].join('.');
  if (bytes.every((byte) => byte === 0)) return '::';
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}

/** `::` takes IPv4 addresses as well, unless told otherwise; then the start itself will tell. */
function doOverlap(one: string, other: string): boolean {
  const wildcards = ['0.0.0.0', '::'];
  if (wildcards.includes(one) || wildcards.includes(other)) return true;
  return one === other || one === toLongForm(other);
}

function toLongForm(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  const groups = tail === undefined ? first : [...first, ...zeros, ...last];
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}

async function findProgram(inode: string): Promise<string | undefined> {
  const link = `socket:[${inode}]`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    try {
      for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
        if ((await readlink(`/proc/${pid}/fd/${descriptor}`)) !== link) continue;
        const name = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
        return `pid ${pid} (${name})`;
      }
    } catch {
      // It ended meanwhile, or is another user's.
    }
  }
  return undefined;
}
