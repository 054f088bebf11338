import { statfsSync } from 'node:fs';
import { CubeError } from '../../errors/cube-error.ts';

/** File systems on which locks and flushes do not mean what they mean on a disk; statfs(2). */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x517b, 'SMB'],
  [0x564c, 'NCP'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
]);

/** The name of the network file system of this type as statfs gives it, if it is one. */
function findNetworkFileSystem(type: number): string | undefined {
  return networkFileSystems.get(type >>> 0);
}

/** @throws CubeError `configuration`, when the directory is on a network file system. */
export function assertLocalFileSystem(
  directory: string,
  typeOf: (path: string) => number = (path) => statfsSync(path).type,
): void {
  const name = findNetworkFileSystem(typeOf(directory));
  if (name === undefined) return;
  throw new CubeError(
    'configuration',
    `The data directory ${directory} is on ${name}, where neither locks nor flushes can be relied on.`,
    { hint: 'Choose a data directory on a local disk.' },
  );
}
