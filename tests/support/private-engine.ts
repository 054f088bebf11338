import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { ensureTestImage, TEST_IMAGE } from './docker-image.ts';
import { eventually } from './eventually.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const UNSHARE = '/usr/bin/unshare';
/** One that was killed first looks at what it has left, which takes long on a busy machine. */
const ENGINE_START_MS = 60_000;

const PROGRAMS = [UNSHARE, '/usr/sbin/dockerd', '/usr/bin/umount'];

/** Why no engine of one's own can be run here; undefined where it can. */
export function whyNoPrivateEngine(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can run an engine';
  const missing = PROGRAMS.find((path) => !existsSync(path));
  return missing === undefined ? undefined : `there is no ${missing}`;
}

/** A Docker Engine that a test may kill, with nothing in common with the machine's own. */
export interface PrivateEngine extends AsyncDisposable {
  /** Its socket. */
  readonly path: string;
  readonly docker: Docker;
  /** SIGKILL, to the engine alone: its containers run on. */
  kill(): Promise<void>;
  /** SIGTERM: it stops its containers, and ends. */
  stop(): Promise<void>;
  /** Starts it again on what is there. */
  start(): Promise<void>;
}

/**
 * Starts an engine with the test image in it, in a network of its own, so that it does not touch
 * the bridge and the rules of the machine's engine. With `liveRestore` it takes over what ran when
 * it was killed; without, it ends that. Needs root.
 */
export async function openPrivateEngine(
  options: { readonly liveRestore?: boolean } = {},
): Promise<PrivateEngine> {
  const image = await ensureTestImage();
  const directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  await mkdir(at('data'));
  await mkdir(at('run'));
  const path = at('engine.sock');
  const docker = new Docker({ socketPath: path });
  let engine: ChildProcess | undefined;

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const last = engine;
    engine = undefined;
    if (last === undefined || last.exitCode !== null || last.signalCode !== null) return;
    const ended = new Promise((resolve) => last.once('exit', resolve));
    last.kill(signal);
    await ended;
  };

  const spawnEngine = async (): Promise<void> => {
    // A killed engine leaves its number behind, and another process may have it by now.
    await rm(at('pid'), { force: true });
    const log = openSync(at('log'), 'a');
    const flags = `--data-root ${at('data')} --exec-root ${at('run')} -p ${at('pid')} -H unix://${path}`;
    const more = options.liveRestore === true ? '--live-restore' : '';
    const script = `ip link set lo up; exec dockerd ${flags} ${more} --iptables=false --ip-masq=false --storage-driver=vfs`;
    engine = spawn(UNSHARE, ['--net', 'sh', '-c', script], { stdio: ['ignore', log, log] });
    closeSync(log);
  };

  const self: PrivateEngine = {
    path,
    docker,
    async start() {
      await spawnEngine();
      await eventually(
        `the private engine answers (its log: ${at('log')})`,
        async () => {
          // As a service manager does: what a killed engine has left may end the next one's start.
          if (engine?.exitCode !== null) await spawnEngine();
          return docker.ping().then(
            () => true,
            () => false,
          );
        },
        ENGINE_START_MS,
      );
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    async [Symbol.asyncDispose]() {
      if (engine === undefined) await self.start();
      for (const { Id } of await docker.listContainers({ all: true })) {
        await docker.getContainer(Id).remove({ force: true, v: true });
      }
      await self.stop();
      // A killed engine's mounts outlive it, and keep its folder from being removed.
      const mounts = await readFile('/proc/mounts', 'utf8');
      for (const line of mounts.split('\n').toReversed()) {
        const [, mounted = ''] = line.split(' ');
        if (mounted.startsWith(`${directory.path}/`)) execFileSync('umount', ['-l', mounted]);
      }
      await directory[Symbol.asyncDispose]();
    },
  };
  await self.start();
  const saved = await new Docker().getImage(image).get();
  const reply = await docker.loadImage(saved as Readable);
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(reply, (error) => (error === null ? resolve() : reject(error)));
  });
  await docker.getImage(TEST_IMAGE).inspect();
  return self;
}
