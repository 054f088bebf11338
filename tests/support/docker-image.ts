import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { temporaryDirectory } from './temporary-directory.ts';

const BUSYBOX = '/bin/busybox';

const REPOSITORY = 'cube-test';
const TAG = '1';

/** The name of the image that tests run; see `ensureTestImage`. */
export const TEST_IMAGE: string = `${REPOSITORY}:${TAG}`;

let ensured: Promise<string> | undefined;

/**
 * Sees to it that the engine has an image with a shell and the usual small programs, made of the
 * machine's static busybox, since no registry can be reached. It stays for the next run.
 *
 * @returns its name.
 * @throws Error that says what to install.
 */
export function ensureTestImage(): Promise<string> {
  ensured ??= importImage();
  return ensured;
}

/** A folder with what is in the image: busybox, and its applets as links to it. */
export async function makeRootFolder(folder: string): Promise<void> {
  for (const name of ['bin', 'etc', 'tmp', 'data', 'root']) await mkdir(join(folder, name));
  try {
    await copyFile(BUSYBOX, join(folder, 'bin/busybox'));
  } catch (error) {
    const message = `There is no ${BUSYBOX}. Install it: sudo apt-get install busybox-static`;
    throw new Error(message, { cause: error });
  }
  const { stdout } = await promisify(execFile)(BUSYBOX, ['--list']);
  for (const applet of stdout.split('\n')) {
    if (applet === '' || applet === 'busybox') continue;
    await symlink('busybox', join(folder, 'bin', applet));
  }
}

async function importImage(): Promise<string> {
  const docker = new Docker();
  const isThere = await docker
    .getImage(TEST_IMAGE)
    .inspect()
    .then(
      () => true,
      () => false,
    );
  if (isThere) return TEST_IMAGE;
  await using folder = await temporaryDirectory();
  await makeRootFolder(folder.path);
  const tar = spawn('tar', ['-C', folder.path, '--owner=0', '--group=0', '-c', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const changes = ['CMD ["sh"]', 'ENV PATH=/bin', 'LABEL org.example.test=cube'];
  const reply = await docker.importImage(tar.stdout, { repo: REPOSITORY, tag: TAG, changes });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(reply, (error) => (error === null ? resolve() : reject(error)));
  });
  return TEST_IMAGE;
}
