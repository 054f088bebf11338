import { z } from 'zod';
import { CubeError } from '../../errors/cube-error.ts';
import type { DockerEngine } from './docker-engine.ts';

const infoSchema = z.object({
  OSType: z.string().optional().catch(undefined),
  MemoryLimit: z.boolean().optional().catch(undefined),
  SwapLimit: z.boolean().optional().catch(undefined),
  CpuCfsQuota: z.boolean().optional().catch(undefined),
  PidsLimit: z.boolean().optional().catch(undefined),
});

/**
 * What works less well with this engine than it could, as sentences.
 *
 * @throws CubeError `runtime-unavailable` for an engine that runs no Linux containers.
 */
export async function engineNotes(
  engine: DockerEngine,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const reply: unknown = await engine.call({
    what: 'tell of itself',
    signal,
    run: (docker) => docker.info(),
  });
  const info = infoSchema.parse(reply);
  if (info.OSType !== undefined && info.OSType !== 'linux') {
    const message = `Docker runs ${info.OSType} containers here, and Cube needs Linux containers.`;
    throw new CubeError('runtime-unavailable', message);
  }
  const notes: string[] = [];
  if (info.MemoryLimit === false) notes.push('Memory cannot be limited: the kernel lacks it.');
  else if (info.SwapLimit === false) notes.push('Swap cannot be limited, memory can.');
  if (info.CpuCfsQuota === false) notes.push('Cores cannot be limited: the kernel lacks it.');
  if (info.PidsLimit === false) notes.push('The number of processes cannot be limited.');
  if (engine.host.kind === 'tcp' && !engine.isEncrypted) {
    notes.push('The connection to Docker is not encrypted; who can reach it rules that machine.');
  }
  return notes;
}
