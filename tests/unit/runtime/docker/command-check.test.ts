import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/lib/clock.ts';
import { CommandCheck } from '../../../../src/runtime/docker/command-check.ts';
import { parseContainer } from '../../../../src/runtime/docker/container-facts.ts';
import { DockerEngine } from '../../../../src/runtime/docker/docker-engine.ts';
import { parseDockerHost } from '../../../../src/runtime/docker/docker-host.ts';
import { taskSpecSchema } from '../../../../src/task/task-spec.ts';
import { startHttpStub } from '../../../support/http-stub.ts';

const TASK = '266592cd-960d-4091-981c-8c25c44b1018';

/** An engine whose containers have one program, and the check that asks it. */
async function openCheck() {
  const stub = await startHttpStub(({ url, method }, response) => {
    if (method !== 'HEAD') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ApiVersion: '1.41', Version: '20.10.0' }));
      return;
    }
    const stat = Buffer.from(JSON.stringify({ mode: 0o755 })).toString('base64');
    const isThere = url.searchParams.get('path') === '/bin/serve';
    response.writeHead(
      isThere ? 200 : 404,
      isThere ? { 'x-docker-container-path-stat': stat } : {},
    );
    response.end();
  });
  const host = parseDockerHost(`tcp://127.0.0.1:${stub.port}`);
  const engine = new DockerEngine({ host, clock: systemClock, callTimeoutMs: 20_000 });
  const commands = new CommandCheck(engine);
  const check = async (command: string, image: string, mounts: readonly object[] = []) => {
    const container = parseContainer({
      Id: 'abc123',
      Image: image,
      Mounts: mounts,
      State: { Status: 'created' },
      Config: {
        Labels: {
          'cube.cluster': 'c',
          'cube.worker': 'w',
          'cube.task': TASK,
          'cube.attempt': '1',
        },
        Env: ['PATH=/bin'],
      },
    });
    if (container === undefined) throw new Error('It bears our labels.');
    const spec = taskSpecSchema.parse({ name: 'web', image: 'web', command });
    await commands.check({ container, spec, signal: AbortSignal.timeout(20_000) });
  };
  const lookCount = (): number => stub.requests.filter(({ method }) => method === 'HEAD').length;
  const close = async (): Promise<void> => {
    engine.close();
    await stub[Symbol.asyncDispose]();
  };
  return { check, lookCount, [Symbol.asyncDispose]: close };
}

describe('the look for a program in a container', () => {
  test('is taken once for all containers of an image', async () => {
    await using opened = await openCheck();
    await opened.check('serve', 'sha256:1');
    await opened.check('serve', 'sha256:1');
    expect(opened.lookCount()).toBe(1);
    await opened.check('serve', 'sha256:2');
    expect(opened.lookCount()).toBe(2);
  });

  test('is taken again where anything is mounted over the image', async () => {
    await using opened = await openCheck();
    await opened.check('serve', 'sha256:1', [{ Destination: '/bin' }]);
    await opened.check('serve', 'sha256:1', [{ Destination: '/bin' }]);
    await opened.check('serve', 'sha256:1');
    expect(opened.lookCount()).toBe(3);
  });

  test('tells each time of a program that is not there', async () => {
    await using opened = await openCheck();
    await opened.check('serve', 'sha256:1');
    await expect(opened.check('server', 'sha256:1')).rejects.toThrow('was not found');
    await expect(opened.check('server', 'sha256:1')).rejects.toThrow('was not found');
    expect(opened.lookCount()).toBe(3);
  });
});
