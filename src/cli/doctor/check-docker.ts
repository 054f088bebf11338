import { access, constants, stat } from 'node:fs/promises';
import { type Environment, findVariable } from '../../config/environment.ts';
import { messageOf } from '../../errors/cube-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Long enough for an engine that is busy, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000;

/** Whether containers can be run; without an engine, plain processes still can. */
export async function checkDocker(environment: Environment): Promise<readonly Finding[]> {
  const dockerHost = findVariable(environment, 'DOCKER_HOST');
  const { inspectEngine } = await import('../../runtime/docker/inspect-engine.ts');
  try {
    const facts = await inspectEngine({
      dockerHost,
      certPath: findVariable(environment, 'DOCKER_CERT_PATH'),
      home: findVariable(environment, 'HOME'),
      uid: process.getuid?.(),
      clock: systemClock,
      callTimeoutMs: CALL_TIMEOUT_MS,
    });
    const driver = facts.storageDriver ?? 'unknown';
    return [
      ok('docker', `Docker ${facts.version} answers at ${facts.host}`),
      checkDriver(driver),
      ...facts.notes.map((note) => warn('docker', note, 'Containers run, with less of a guard.')),
    ];
  } catch (error) {
    const forbidden = await findForbiddenSocket(dockerHost);
    if (forbidden !== undefined) {
      return [
        fail(
          'docker',
          `You may not use the socket ${forbidden}`,
          'Add this user to the group of the socket: sudo usermod -aG docker "$USER", then log in anew.',
        ),
      ];
    }
    const asked = dockerHost !== undefined;
    const remedy = 'Start it, or run plain processes only.';
    const found = messageOf(error);
    return [asked ? fail('docker', found, remedy) : warn('docker', found, remedy)];
  }
}

/** A driver that copies whole images for each container is slow, and soon fills the disk. */
function checkDriver(driver: string): Finding {
  if (driver !== 'vfs') return ok('docker storage', driver);
  return warn(
    'docker storage',
    'vfs, which copies the whole image for each container',
    'Use overlay2: see "storage-driver" in the documentation of Docker.',
  );
}

async function findForbiddenSocket(dockerHost: string | undefined): Promise<string | undefined> {
  const path = (dockerHost ?? '/var/run/docker.sock').replace(/^unix:\/\//, '');
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isSocket() !== true) return undefined;
  const isAllowed = await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  return isAllowed ? undefined : path;
}
