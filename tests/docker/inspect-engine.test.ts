import { expect, test } from 'vitest';
import { checkDocker } from '../../src/cli/doctor/check-docker.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { inspectEngine } from '../../src/runtime/docker/inspect-engine.ts';

test('an engine tells its version, its storage and where it listens', async () => {
  const facts = await inspectEngine({ clock: systemClock, callTimeoutMs: 30_000 });
  expect(facts.version).toMatch(/^\d+\./);
  expect(facts.storageDriver).toMatch(/^\w+/);
  expect(facts.host).toContain('docker.sock');
});

test('the doctor finds the engine well, and says so where it is not there', async () => {
  const [found, storage] = await checkDocker({});
  expect(found).toMatchObject({ check: 'docker', level: 'ok' });
  expect(storage).toMatchObject({ check: 'docker storage' });
  // One that was named is wanted.
  const [absent] = await checkDocker({ DOCKER_HOST: 'unix:///nonexistent/docker.sock' });
  expect(absent).toMatchObject({ level: 'fail' });
  expect(absent?.remedy).toBeTruthy();
});
