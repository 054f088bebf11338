import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { CubeError, messageOf } from '../errors/cube-error.ts';
import { type Environment, findVariable } from './environment.ts';

const TOKEN = /^[!-~]{16,1024}$/;
const FILE_BYTES_MAX = 4096;
const MAKE_ONE = '(umask 077; head -c 32 /dev/urandom | base64 > cube.token)';

/**
 * The token, from its file or else from CUBE_TOKEN; undefined where neither is given. A token is
 * never a flag's value: every user of a machine can read those.
 *
 * @throws CubeError `configuration`, when the file can be read by others, or holds no token.
 */
export async function findToken(
  tokenFile: string | undefined,
  environment: Environment,
): Promise<string | undefined> {
  if (tokenFile !== undefined) return parseToken(await readTokenFile(tokenFile), '--token-file');
  const text = findVariable(environment, 'CUBE_TOKEN');
  return text === undefined ? undefined : parseToken(text, 'CUBE_TOKEN');
}

function parseToken(text: string, source: string): string {
  const token = text.trim();
  if (TOKEN.test(token)) return token;
  // What came is not repeated: it may be most of a secret.
  throw new CubeError(
    'configuration',
    `The token from ${source} is not one: want 16 to 1,024 printable characters without spaces, got ${token.length}.`,
    { hint: `Make one with: ${MAKE_ONE}` },
  );
}

async function readTokenFile(path: string): Promise<string> {
  const refuse = (why: string, hint: string, cause?: unknown): CubeError =>
    new CubeError('configuration', `The token file ${path} ${why}.`, { hint, cause });
  // Without waiting: a pipe that nobody writes to would hold up everything.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((error: unknown) => {
    throw refuse(`cannot be read: ${messageOf(error)}`, `Make one with: ${MAKE_ONE}`, error);
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw refuse('is not a file', `Make one with: ${MAKE_ONE}`);
    if (stats.size > FILE_BYTES_MAX) throw refuse('is too long for a token', 'Check the path.');
    // Windows has no such modes.
    if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
      const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
      throw refuse(`can be read by others (mode ${mode})`, `Close it: chmod 600 ${path}`);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
