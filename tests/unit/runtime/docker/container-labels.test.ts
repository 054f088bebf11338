import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  anonymousVolumeName,
  containerLabels,
  containerName,
  ownerOf,
  parseKillMark,
  withKillMark,
} from '../../../../src/runtime/docker/container-labels.ts';
import { taskSpecSchema } from '../../../../src/task/task-spec.ts';

const spec = taskSpecSchema.parse({ name: 'web', image: 'nginx', labels: { tier: 'front' } });
const instance = { taskId: randomUUID(), attempt: 7, cluster: 'c', spec };

describe('labels', () => {
  test('tell whose a container is', () => {
    const labels = containerLabels('w', instance);
    expect(labels).toMatchObject({ tier: 'front', 'cube.name': 'web' });
    const { taskId } = instance;
    expect(ownerOf(labels)).toEqual({ worker: 'w', cluster: 'c', taskId, attempt: 7 });
  });

  test.each(['', '0', '-1', '1.5', '01', 'seven', '9'.repeat(30)])(
    'with the attempt "%s" are not ours',
    (attempt) => {
      const labels = { ...containerLabels('w', instance), 'cube.attempt': attempt };
      expect(ownerOf(labels)).toBeUndefined();
    },
  );
});

describe('a container’s name', () => {
  test('is the same for the same attempt on the same worker, and for no other', () => {
    const name = containerName('w', instance);
    expect(name).toMatch(/^cube-web-[0-9a-f]{8}-7-[0-9a-f]{10}$/);
    expect(containerName('w', { ...instance })).toBe(name);
    expect(containerName('v', instance)).not.toBe(name);
    expect(containerName('w', { ...instance, attempt: 8 })).not.toBe(name);
    expect(containerName('w', { ...instance, taskId: randomUUID() })).not.toBe(name);
  });

  test('can bear the mark of a kill, once', () => {
    const name = containerName('w', instance);
    const mark = { stopSignal: 'SIGTERM', timeoutMs: 200 } as const;
    const marked = withKillMark(name, mark);
    expect(parseKillMark(marked)).toEqual(mark);
    expect(withKillMark(marked, mark)).toBe(marked);
    expect(parseKillMark(name)).toBeUndefined();
    expect(parseKillMark(`${name}-killed-SIGNONE-after-1ms`)).toBeUndefined();
  });
});

test('the volume that stands for an anonymous one is that of the task, whatever the attempt', () => {
  const owner = { worker: 'w', cluster: 'c', taskId: instance.taskId };
  const name = anonymousVolumeName(owner, '/data');
  expect(name).toContain(instance.taskId);
  expect(anonymousVolumeName(owner, '/data')).toBe(name);
  expect(anonymousVolumeName(owner, '/other')).not.toBe(name);
  expect(anonymousVolumeName({ ...owner, worker: 'v' }, '/data')).not.toBe(name);
});
