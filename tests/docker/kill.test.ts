import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import type { SubmissionInput } from '../../src/client/cube-client.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { ensureTestImage } from '../support/docker-image.ts';
import { containerStarts, removeContainers } from '../support/docker-starts.ts';
import { eventually } from '../support/eventually.ts';
import { KillRun, killNoted, notedStarts } from '../support/kill-run.ts';
import { isLong, tell } from '../support/long-run.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

// SIGKILL of manager, worker and both, at random moments, while tasks are submitted, started and end.

const TASK_COUNT = 200;
const JOB_PAUSE_MS = 200;
const CONTAINER_EVERY = 8;
const KILL_COUNT = isLong ? 300 : 20;

const docker = new Docker();

type Submission = SubmissionInput & { readonly id: string };

/** Long-running tasks, mostly processes, each of which notes its own start in a file. */
function makeSubmissions(image: string, notes: string): readonly Submission[] {
  return Array.from({ length: TASK_COUNT }, (_, index) => {
    const shared = { id: systemRandom.uuid(), name: `kill-${index}`, stopTimeout: '1s' };
    if (index % CONTAINER_EVERY === 0) {
      return { ...shared, image, command: 'sleep', args: ['3600'] };
    }
    const script = `echo "$CUBE_TASK_ID/$CUBE_ATTEMPT $$" >> ${notes}; exec sleep 3600`;
    return { ...shared, command: 'sh', args: ['-c', script] };
  });
}

describe('killing manager, worker and both at random', () => {
  it('loses no acknowledged task, doubles none, and disturbs none that runs', async () => {
    const image = await ensureTestImage();
    const since = Date.now();
    await using directory = await temporaryDirectory();
    const notes = join(directory.path, 'starts');
    await using _leftovers = { [Symbol.asyncDispose]: () => killNoted(notes) };
    await using run = await KillRun.start(directory.path);
    const submissions = makeSubmissions(image, notes);
    const ids = new Set(submissions.map(({ id }) => id));

    // Eight clients submit while the killer is at work, and then two go on with short jobs.
    const stop = new AbortController();
    const killing = run.killUntil(stop.signal);
    await withClients(8, submissions, async (submission) => {
      const looking = run.look(submission.id);
      await run.submit(submission);
      await looking;
      await run.look(submission.id);
    });
    const jobIds = new Set((await Promise.all([1, 2].map(() => submitJobs(run, notes)))).flat());
    stop.abort();
    await killing;

    // Every acknowledged task is known and comes to run, or to its end.
    const all = await eventually(
      'all tasks run, and all jobs are done',
      async () => {
        try {
          const tasks = await Array.fromAsync(run.client.list());
          const isDone = tasks.every(
            ({ id, status }) => status.state === (jobIds.has(id) ? 'completed' : 'running'),
          );
          return tasks.length === TASK_COUNT + jobIds.size && isDone ? tasks : undefined;
        } catch {
          // The manager is on its way up; the deadline decides.
          return undefined;
        }
      },
      120_000,
    );
    expect(new Set(all.map(({ id }) => id))).toEqual(new Set([...ids, ...jobIds]));
    const running = all.filter(({ id }) => ids.has(id));

    // Nothing was started twice at the same attempt.
    const noted = (await notedStarts(notes)).map(({ attempt }) => attempt);
    const starts = [...noted, ...(await containerStarts(docker, ids, since))];
    expect(starts.filter((one, index) => starts.indexOf(one) !== index)).toEqual([]);

    // What runs is undisturbed by further kills: same container ids, same pids.
    const identities = running.map(({ id, status }) => `${id} ${status.runtimeId}`).sort();
    for (let count = 0; count < 5; count += 1) await run.killOne();
    const after = await eventually('manager and worker are settled again', async () => {
      try {
        const [node] = await run.client.nodes();
        if (node?.liveness !== 'up') return undefined;
        const tasks = await Array.fromAsync(run.client.list());
        return tasks.filter(({ id }) => ids.has(id));
      } catch {
        return undefined;
      }
    });
    expect(after.map(({ id, status }) => `${id} ${status.runtimeId}`).sort()).toEqual(identities);

    // Everything can still be stopped, and nothing labelled is left running.
    await withClients(8, submissions, async ({ id }) => {
      const looking = run.look(id);
      await run.stop(id);
      await looking;
      await run.look(id);
    });
    await eventually(
      'all tasks are stopped',
      async () => {
        const tasks = await Array.fromAsync(run.client.list());
        return tasks.every(({ status }) => status.state === 'completed');
      },
      120_000,
    );
    const left = await docker.listContainers({ filters: { label: ['cube.task'] } });
    expect(left.filter(({ Labels }) => ids.has(Labels['cube.task'] ?? ''))).toEqual([]);
    // No client was told what a single copy of the state could not have told.
    expect(run.requests.violations()).toEqual([]);
    console.log(`killed ${run.killCount} times during ${all.length} tasks`);
    tell({ kills: run.killCount, requests: run.requests.count });
    await removeContainers(docker, ids);
  }, 900_000);
});

/** Submits one short job after another until enough has been killed, and gives their ids. */
async function submitJobs(run: KillRun, notes: string): Promise<readonly string[]> {
  const ids: string[] = [];
  while (run.killCount < KILL_COUNT) {
    const id = systemRandom.uuid();
    const script = `echo "$CUBE_TASK_ID/$CUBE_ATTEMPT $$" >> ${notes}; sleep 0.1`;
    await run.submit({ id, name: `job-${ids.length}`, command: 'sh', args: ['-c', script] });
    ids.push(id);
    await pause(JOB_PAUSE_MS);
  }
  return ids;
}

/** So many clients share the items among them, each one at a time. */
async function withClients<Item>(
  count: number,
  items: readonly Item[],
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const client = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await act(next);
  };
  await Promise.all(Array.from({ length: count }, client));
}
