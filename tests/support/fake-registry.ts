import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { makeRootFolder } from './docker-image.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** How the registry behaves. */
type RegistryMood =
  | 'well'
  /** Knows no image. */
  | 'empty'
  /** Answers everything with status 500. */
  | 'broken'
  /** Sends a layer whose content is not what its name says. */
  | 'corrupt'
  /** Takes requests and never answers. */
  | 'silent'
  /** Sends layers piece by piece, with pauses. */
  | 'slow';

/** A registry on loopback, from which an engine pulls without TLS. */
export interface FakeRegistry extends AsyncDisposable {
  /** The one image that it has; a new one in each registry, so that no engine has it yet. */
  readonly image: string;
  mood: RegistryMood;
  /** How often the manifest was asked for. */
  manifestCount: number;
}

interface Blobs {
  readonly manifest: Buffer;
  readonly byDigest: ReadonlyMap<string, Buffer>;
}

export async function openFakeRegistry(): Promise<FakeRegistry> {
  const blobs = await makeImage();
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = request.url ?? '';
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    if (url.includes('/manifests/')) registry.manifestCount += 1;
    if (registry.mood === 'silent' && url !== '/v2/') return;
    if (registry.mood === 'broken' && url !== '/v2/') {
      response.writeHead(500).end(errorBody('UNKNOWN', 'the registry has a bad day'));
    } else if (url === '/v2/') {
      response.end('{}');
    } else if (url.includes('/manifests/') && registry.mood !== 'empty') {
      response.setHeader('Content-Type', 'application/vnd.docker.distribution.manifest.v2+json');
      response.setHeader('Docker-Content-Digest', digestOf(blobs.manifest));
      response.setHeader('Content-Length', blobs.manifest.length);
      response.end(request.method === 'HEAD' ? undefined : blobs.manifest);
    } else {
      await sendBlob(url, response);
    }
  };

  const sendBlob = async (url: string, response: ServerResponse): Promise<void> => {
    const blob = blobs.byDigest.get(url.split('/').at(-1) ?? '');
    if (blob === undefined) {
      response.writeHead(404).end(errorBody('MANIFEST_UNKNOWN', 'manifest unknown'));
      return;
    }
    const sent =
      registry.mood === 'corrupt' && blob.length > 10_000 ? Buffer.alloc(blob.length, 1) : blob;
    response.setHeader('Content-Length', sent.length);
    const pieceCount = registry.mood === 'slow' && blob.length > 10_000 ? 8 : 1;
    const size = Math.ceil(sent.length / pieceCount);
    for (let at = 0; at < sent.length; at += size) {
      response.write(sent.subarray(at, at + size));
      if (pieceCount > 1) await pause(150);
    }
    response.end();
  };

  const registry: FakeRegistry = {
    image: `127.0.0.1:${address.port}/team/app:1`,
    mood: 'well',
    manifestCount: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return registry;
}

async function makeImage(): Promise<Blobs> {
  await using folder = await temporaryDirectory();
  await makeRootFolder(folder.path);
  // It cannot be compressed, so that a pull takes time, and makes every image another.
  await writeFile(join(folder.path, 'noise'), randomBytes(2_000_000));
  const tar = spawn('tar', ['-C', folder.path, '--owner=0', '--group=0', '-c', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const plain = await buffer(tar.stdout);
  const layer = gzipSync(plain, { level: 1 });
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Cmd: ['sh'], Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [digestOf(plain)] },
      history: [{ created: '2020-01-01T00:00:00Z', created_by: 'a test' }],
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        size: config.length,
        digest: digestOf(config),
      },
      layers: [
        {
          mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
          size: layer.length,
          digest: digestOf(layer),
        },
      ],
    }),
  );
  return {
    manifest,
    byDigest: new Map([
      [digestOf(config), config],
      [digestOf(layer), layer],
    ]),
  };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function errorBody(code: string, message: string): string {
  return JSON.stringify({ errors: [{ code, message }] });
}
