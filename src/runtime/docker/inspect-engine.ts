import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DockerEngine } from './docker-engine.ts';
import { describeDockerHost, parseDockerHost } from './docker-host.ts';
import { engineNotes } from './engine-notes.ts';

export interface InspectEngineOptions {
  /** As in DOCKER_HOST. Default: the usual sockets. */
  readonly dockerHost?: string | undefined;
  readonly certPath?: string | undefined;
  readonly home?: string | undefined;
  readonly uid?: number | undefined;
  readonly clock: Clock;
  /** How long one call may take, in milliseconds. */
  readonly callTimeoutMs: number;
}

/** What a Docker Engine says of itself. */
export interface EngineFacts {
  /** Where it listens, in words. */
  readonly host: string;
  readonly version: string;
  readonly storageDriver: string | undefined;
  readonly cgroupVersion: string | undefined;
  /** What works less well with it than it could. */
  readonly notes: readonly string[];
}

const infoSchema = z.object({
  Driver: z.string().optional().catch(undefined),
  CgroupVersion: z.string().optional().catch(undefined),
});

/**
 * Asks the engine once. Changes nothing there.
 *
 * @throws CubeError `configuration` or `runtime-unavailable`, with what to do.
 */
export async function inspectEngine(options: InspectEngineOptions): Promise<EngineFacts> {
  const { dockerHost, certPath, home, uid, clock, callTimeoutMs } = options;
  const host = parseDockerHost(dockerHost, {
    ...(home === undefined ? {} : { home }),
    ...(uid === undefined ? {} : { uid }),
  });
  const engine = new DockerEngine({
    host,
    clock,
    callTimeoutMs,
    ...(certPath === undefined ? {} : { certPath }),
  });
  try {
    const { signal } = new AbortController();
    const version = await engine.version(signal);
    const reply: unknown = await engine.call({
      what: 'tell of itself',
      signal,
      run: (docker) => docker.info(),
    });
    const info = infoSchema.parse(reply);
    return {
      host: describeDockerHost(host),
      version,
      storageDriver: info.Driver,
      cgroupVersion: info.CgroupVersion,
      notes: await engineNotes(engine, signal),
    };
  } finally {
    engine.close();
  }
}
