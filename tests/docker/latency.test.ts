import { spawn } from 'node:child_process';
import Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import type { SubmissionInput } from '../../src/client/cube-client.ts';
import { type CubeUp, startCubeUp, stopAll, untilState } from '../support/cube-up.ts';
import { ensureTestImage } from '../support/docker-image.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

// How long from accepted to running, beyond what the runtime itself takes. Printed, not judged:
// speed is judged by the benchmarks.

const ROUNDS = 9;
const docker = new Docker();

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The times between the events of one task, in milliseconds, by the manager's clock. */
async function timesOf(cube: CubeUp, submission: SubmissionInput): Promise<Record<string, number>> {
  const { task } = await cube.client.submit(submission);
  await untilState(cube.client, task.id, 'running');
  const events = await cube.client.taskEvents(task.id);
  const at = (type: string): number =>
    Date.parse(events.find((event) => event.type === type)?.time ?? '');
  return {
    scheduled: at('task-scheduled') - at('task-submitted'),
    running: at('task-started') - at('task-submitted'),
  };
}

async function startByHand(image: string): Promise<number> {
  const startedAt = performance.now();
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['sleep', '3600'],
    HostConfig: { Init: true },
  });
  await container.start();
  const tookMs = performance.now() - startedAt;
  await container.remove({ force: true });
  return tookMs;
}

async function spawnByHand(): Promise<number> {
  const startedAt = performance.now();
  const child = spawn('sleep', ['3600'], { detached: true, stdio: 'ignore' });
  await new Promise((resolve) => child.once('spawn', resolve));
  const tookMs = performance.now() - startedAt;
  child.kill('SIGKILL');
  return tookMs;
}

describe('latency from accepted to running', () => {
  it.each<[string, SubmissionInput, () => Promise<number>]>([
    [
      'a container',
      { name: 'latency', image: 'cube-test:1', command: 'sleep', args: ['3600'] },
      () => startByHand('cube-test:1'),
    ],
    ['a process', { name: 'latency', command: 'sleep', args: ['3600'] }, spawnByHand],
  ])('of %s is that of the runtime and some milliseconds', async (what, submission, byHand) => {
    await ensureTestImage();
    await using directory = await temporaryDirectory();
    await using cube = await startCubeUp(directory.path);
    const ours: Record<string, number>[] = [];
    const theirs: number[] = [];
    await timesOf(cube, submission);
    for (let round = 0; round < ROUNDS; round += 1) {
      theirs.push(await byHand());
      ours.push(await timesOf(cube, submission));
    }
    await stopAll(cube.client);
    const running = median(ours.map((times) => times['running'] ?? Number.NaN));
    const scheduled = median(ours.map((times) => times['scheduled'] ?? Number.NaN));
    const runtime = median(theirs);
    console.log(
      `${what}: accepted to running ${running.toFixed(0)} ms, of which until scheduled ` +
        `${scheduled.toFixed(0)} ms; by hand ${runtime.toFixed(0)} ms; ` +
        `beyond that ${(running - runtime).toFixed(0)} ms (medians of ${ROUNDS})`,
    );
    expect(ours.every((times) => Number.isFinite(times['running']))).toBe(true);
    await removeContainers();
  });
});

async function removeContainers(): Promise<void> {
  const all = await docker.listContainers({ all: true, filters: { name: ['cube-latency-'] } });
  await Promise.all(all.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
}
