import pLimit from 'p-limit';
import { z } from 'zod';
import type { InstanceUsage } from '../runtime.ts';
import type { ContainerFacts } from './container-facts.ts';
import type { ContainerFinder } from './container-finder.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal } from './engine-error.ts';

/**
 * So many containers are measured at the same time. Older engines sample once a second for all
 * who ask, so that each answer takes up to a second, and many cost no more than one.
 */
const CONCURRENT_MAX = 64;

const statsSchema = z.object({
  /** By the engine's clock. */
  read: z.string(),
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number() }) }),
  memory_stats: z.object({
    usage: z.number(),
    stats: z
      .object({ inactive_file: z.number().optional(), total_inactive_file: z.number().optional() })
      .optional()
      .catch(undefined),
  }),
});

interface Sample {
  readonly atMs: number;
  readonly cpuNs: number;
}

/**
 * Measures containers. An engine that is asked for one sample alone need not wait for a second one,
 * but then the difference to the sample before is ours to make.
 */
export class ContainerUsage {
  readonly #engine: DockerEngine;
  readonly #finder: ContainerFinder;
  #samples = new Map<string, Sample>();

  constructor(options: { readonly engine: DockerEngine; readonly finder: ContainerFinder }) {
    this.#engine = options.engine;
    this.#finder = options.finder;
  }

  /** See `Runtime.usage`. The first time, the average is since the container's start. */
  async measure(signal: AbortSignal): Promise<readonly InstanceUsage[]> {
    const containers = await this.#finder.listRunning(signal);
    const limit = pLimit(CONCURRENT_MAX);
    const samples = new Map<string, Sample>();
    const all = await Promise.all(
      containers.map((container) => limit(() => this.#one(container, { samples, signal }))),
    );
    // Samples of containers that are gone are let go.
    this.#samples = samples;
    return all.filter((usage) => usage !== undefined);
  }

  async #one(
    container: ContainerFacts,
    { samples, signal }: { readonly samples: Map<string, Sample>; readonly signal: AbortSignal },
  ): Promise<InstanceUsage | undefined> {
    const reply = await this.#engine.attempt<unknown>({
      what: 'measure a container',
      signal,
      run: (docker, abortSignal) => {
        const once = { stream: false as const, 'one-shot': true, abortSignal };
        return docker.getContainer(container.id).stats(once);
      },
    });
    const parsed = statsSchema.safeParse(reply);
    // It has ended in between, or cannot be measured here.
    if (reply instanceof Refusal || !parsed.success) return undefined;
    const { read, cpu_stats, memory_stats } = parsed.data;
    const sample = { atMs: Date.parse(read), cpuNs: cpu_stats.cpu_usage.total_usage };
    if (!(sample.atMs > 0)) return undefined;
    samples.set(container.id, sample);
    const cache = memory_stats.stats?.total_inactive_file ?? memory_stats.stats?.inactive_file ?? 0;
    const { taskId, attempt } = container.owner;
    return {
      taskId,
      attempt,
      cpu: coresBetween(this.#samples.get(container.id) ?? sampleAtStart(container), sample),
      // The cache is given back when others want it.
      memory: Math.max(0, memory_stats.usage - cache),
    };
  }
}

function sampleAtStart({ startedAt }: ContainerFacts): Sample {
  return { atMs: Date.parse(startedAt ?? ''), cpuNs: 0 };
}

function coresBetween(before: Sample, after: Sample): number {
  const elapsedMs = after.atMs - before.atMs;
  if (!(elapsedMs > 0)) return 0;
  return Math.max(0, (after.cpuNs - before.cpuNs) / (elapsedMs * 1e6));
}
