import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CubeUp, startCubeUp, untilState } from '../support/cube-up.ts';
import { ensureTestImage } from '../support/docker-image.ts';
import { eventually } from '../support/eventually.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

// What the reference gets wrong with containers, and how soon changes behind our back are seen.

const docker = new Docker();
let image: string;
let directory: TemporaryDirectory;
let cube: CubeUp;
const names = new Set<string>();

beforeAll(async () => {
  image = await ensureTestImage();
  directory = await temporaryDirectory();
  cube = await startCubeUp(directory.path);
});

afterAll(async () => {
  await cube[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
  const all = await docker.listContainers({ all: true, filters: { label: ['cube.task'] } });
  const ours = all.filter(({ Labels }) => names.has(Labels['cube.task'] ?? ''));
  await Promise.all(ours.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
});

async function runContainer(more: object = {}): Promise<{ id: string; runtimeId: string }> {
  const { task } = await cube.client.submit({
    name: 'by-hand',
    image,
    command: 'sleep',
    args: ['3600'],
    restart: 'never',
    ...more,
  });
  names.add(task.id);
  const { status } = await untilState(cube.client, task.id, 'running');
  return { id: task.id, runtimeId: status.runtimeId ?? '' };
}

describe('a container changed by hand', () => {
  it.each<[string, (container: Docker.Container) => Promise<unknown>, string]>([
    ['removed', (container) => container.remove({ force: true }), 'removed-externally'],
    ['killed', (container) => container.kill(), 'exited'],
    ['stopped', (container) => container.stop({ t: 5 }), 'exited'],
  ])('is seen when it is %s, once, and the worker lives on', async (what, act) => {
    const { id, runtimeId } = await runContainer();
    const startedAt = performance.now();
    await act(docker.getContainer(runtimeId));
    const actedMs = performance.now() - startedAt;
    const { status } = await untilState(cube.client, id, 'failed');
    const noticedMs = performance.now() - startedAt - actedMs;
    console.log(`${what} behind our back: noticed after ${noticedMs.toFixed(0)} ms`);
    // The slow comparison comes round every 10 s: what is seen sooner was seen by its event.
    expect(noticedMs).toBeLessThan(5000);
    expect(status.reason?.message).not.toBe('');
    const events = await cube.client.taskEvents(id);
    expect(events.filter(({ type }) => type === 'task-failed')).toHaveLength(1);
    const next = await runContainer();
    expect(next.runtimeId).not.toBe(runtimeId);
  });
});

describe('volumes', () => {
  it('keep what is in them over a restart, named and anonymous ones', async () => {
    const script = 'date >> /named/starts; date >> /data/starts; exec sleep 3600';
    const anonymous = await makeImageWithVolume(image);
    const volume = `cube-test-${process.pid}`;
    const { id, runtimeId } = await runContainer({
      image: anonymous,
      command: 'sh',
      args: ['-c', script],
      volumes: [{ name: volume, target: '/named' }],
      restart: { policy: 'always', delay: '0s' },
    });
    await docker.getContainer(runtimeId).kill();
    const second = await eventually('the second attempt runs', async () => {
      const { status } = await cube.client.get(id);
      return status.attempt === 2 && status.state === 'running' ? status.runtimeId : undefined;
    });
    for (const path of ['/named/starts', '/data/starts']) {
      const lines = await eventually('the second start is noted', async () => {
        const text = await readInside(second, path);
        return text.length >= 2 ? text : undefined;
      });
      expect(lines).toHaveLength(2);
    }
    await cube.client.stop(id);
    await untilState(cube.client, id, 'completed');
    const { Volumes } = await docker.listVolumes();
    const found = Volumes.find(({ Name }) => Name.includes(volume));
    expect(found).toBeDefined();
    await docker.getContainer(second).remove({ force: true, v: true });
    if (found !== undefined) await docker.getVolume(found.Name).remove();
    await docker.getImage(anonymous).remove({ force: true });
  });
});

/** An image that declares a volume of its own, as those of databases do. */
async function makeImageWithVolume(base: string): Promise<string> {
  const container = await docker.createContainer({ Image: base, Cmd: ['true'] });
  const name = `cube-test-volume-${process.pid}`;
  await container.commit({ repo: name, tag: '1', changes: ['VOLUME /data'] });
  await container.remove();
  return `${name}:1`;
}

async function readInside(id: string, path: string): Promise<readonly string[]> {
  const exec = await docker
    .getContainer(id)
    .exec({ Cmd: ['cat', path], AttachStdout: true, Tty: true });
  const stream = await exec.start({});
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text.split('\n').filter((line) => line.trim() !== '');
}
