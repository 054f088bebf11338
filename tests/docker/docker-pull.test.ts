import { expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import type { InstanceSpec } from '../../src/runtime/runtime.ts';
import { type DockerBench, openDockerBench } from '../support/docker-bench.ts';
import { eventually } from '../support/eventually.ts';
import { openFakeRegistry } from '../support/fake-registry.ts';

/** The machine's clock, of which time can be skipped. */
class SkippingClock implements Clock {
  #skippedMs = 0;

  now(): number {
    return systemClock.now() + this.#skippedMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#skippedMs;
  }

  setTimer(delayMs: number, callback: () => void) {
    return systemClock.setTimer(delayMs, callback);
  }

  skip(ms: number): void {
    this.#skippedMs += ms;
  }
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('It was to fail with an error.');
}

function startTelling(bench: DockerBench, instance: InstanceSpec) {
  const progress: string[] = [];
  const { signal } = bench;
  const onProgress = (words: string) => progress.push(words);
  return { progress, started: bench.runtime.start(instance, { signal, onProgress }) };
}

async function removeImage(bench: DockerBench, image: string): Promise<void> {
  for (const id of await bench.containers()) {
    await bench.docker.getContainer(id).remove({ force: true });
  }
  await bench.docker.getImage(image).remove({ force: true });
}

test('an image that is missing is pulled once for all who wait, with progress, and runs', async () => {
  await using registry = await openFakeRegistry();
  await using bench = await openDockerBench();
  const { image } = registry;
  registry.mood = 'slow';
  const spec = { image, pull: 'if-missing' } as const;
  const one = startTelling(bench, bench.instance('echo pulled', spec));
  const other = startTelling(bench, bench.instance('echo pulled', spec));
  const [status] = await Promise.all([one.started, other.started]);
  expect(registry.manifestCount).toBeLessThanOrEqual(2);
  for (const { progress } of [one, other]) {
    expect(progress[0]).toMatch(/^pulling 127\.0\.0\.1:\d+\/team\/app:1/);
    const percents = progress
      .map((words) => Number(/, (\d+) %$/.exec(words)?.[1] ?? Number.NaN))
      .filter((percent) => !Number.isNaN(percent));
    expect(percents.length).toBeGreaterThan(2);
    expect(percents).toEqual(percents.toSorted((left, right) => left - right));
  }
  await bench.untilEnded(status);
  expect(await bench.output(status)).toEqual(['pulled']);
  await removeImage(bench, image);
});

test('an image is pulled again for each start where the policy is always', async () => {
  await using registry = await openFakeRegistry();
  await using bench = await openDockerBench();
  const { image } = registry;
  await bench.start(bench.instance('exit 0', { image, pull: 'always' }));
  const firstCount = registry.manifestCount;
  await bench.start(bench.instance('exit 0', { image, pull: 'always' }));
  expect(registry.manifestCount).toBeGreaterThan(firstCount);
  const secondCount = registry.manifestCount;
  await bench.start(bench.instance('exit 0', { image, pull: 'if-missing' }));
  expect(registry.manifestCount).toBe(secondCount);
  await removeImage(bench, image);
});

test('a failed pull tells the registry’s words, and is repeated only after a growing wait', async () => {
  await using registry = await openFakeRegistry();
  const clock = new SkippingClock();
  await using bench = await openDockerBench({ clock });
  const { image } = registry;
  registry.mood = 'empty';
  const instance = bench.instance('exit 0', { image, pull: 'if-missing' });
  const first = await failureOf(bench.start(instance));
  expect(isCubeError(first, 'image-missing')).toBe(true);
  expect(first.message).toContain('manifest unknown');
  expect(first.message).toContain('10s');
  const count = registry.manifestCount;
  const early = await failureOf(bench.start(instance));
  expect(early.message).toContain('manifest unknown');
  expect(registry.manifestCount).toBe(count);
  clock.skip(10_000);
  const second = await failureOf(bench.start(instance));
  expect(registry.manifestCount).toBeGreaterThan(count);
  expect(second.message).toContain('20s');
  for (let tries = 0; tries < 6; tries += 1) {
    clock.skip(300_000);
    await failureOf(bench.start(instance));
  }
  clock.skip(300_000);
  expect((await failureOf(bench.start(instance))).message).toContain('5m');
  expect(await bench.containers()).toEqual([]);
  // What works again is forgiven at once, for the next failure too.
  registry.mood = 'well';
  clock.skip(300_000);
  await bench.start(instance);
  await removeImage(bench, image);
  registry.mood = 'empty';
  const anew = await failureOf(bench.start({ ...instance, attempt: 2 }));
  expect(anew.message).toContain('10s');
});

test.each(['broken', 'corrupt'] as const)(
  'a registry that is %s is told of as such',
  async (mood) => {
    await using registry = await openFakeRegistry();
    await using bench = await openDockerBench();
    registry.mood = mood;
    const { image } = registry;
    const error = await failureOf(bench.start(bench.instance('exit 0', { image, pull: 'always' })));
    expect(isCubeError(error, 'image-missing'), String(error)).toBe(true);
    expect(error.message).toMatch(mood === 'broken' ? /bad day|500/ : /verif|digest|gzip|invalid/i);
  },
);

test('a registry that is silent is not waited for without end', async () => {
  await using registry = await openFakeRegistry();
  await using bench = await openDockerBench({ pullSilenceMs: 400 });
  registry.mood = 'silent';
  const { image } = registry;
  const error = await failureOf(bench.start(bench.instance('exit 0', { image, pull: 'always' })));
  expect(isCubeError(error, 'image-missing'), String(error)).toBe(true);
  expect(error.message).toContain('silent for 400ms');
});

test('a pull goes on while one of those who wait is left, and ends with the last', async () => {
  await using registry = await openFakeRegistry();
  await using bench = await openDockerBench();
  registry.mood = 'silent';
  const { image } = registry;
  const why = new Error('Not wanted any more.');
  const aborts = [new AbortController(), new AbortController()];
  const starts = aborts.map(({ signal }) =>
    failureOf(
      bench.runtime.start(bench.instance('exit 0', { image, pull: 'always' }), {
        signal,
        onProgress: () => undefined,
      }),
    ),
  );
  await eventually('the registry was asked', () => registry.manifestCount > 0);
  aborts[0]?.abort(why);
  expect(await starts[0]).toBe(why);
  registry.mood = 'well';
  aborts[1]?.abort(why);
  expect(await starts[1]).toBe(why);
  await bench.start(bench.instance('exit 0', { image, pull: 'always' }));
  await removeImage(bench, image);
});
