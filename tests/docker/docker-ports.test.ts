import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import type { InstanceSpec } from '../../src/runtime/runtime.ts';
import { freePorts } from '../support/cube-process.ts';
import { type DockerBench, openDockerBench } from '../support/docker-bench.ts';
import { eventually } from '../support/eventually.ts';

const SLEEP = 'exec sleep 3600';

async function listen(port: number): Promise<(Server & { readonly port: number }) | undefined> {
  const server = createServer();
  const isThere = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  const address = server.address();
  if (!isThere || typeof address !== 'object' || address === null) return undefined;
  return Object.assign(server, { port: address.port });
}

async function refusalOf(bench: DockerBench, instance: InstanceSpec) {
  try {
    await bench.start(instance);
  } catch (error) {
    if (isCubeError(error, 'port-taken')) return error;
    throw error;
  }
  throw new Error('It was started.');
}

test('a port that another program has is named with its pid, and can be had once it is free', async () => {
  await using bench = await openDockerBench();
  await using server = await listen(0);
  const host = server?.port ?? 0;
  const instance = bench.instance(SLEEP, { ports: [{ container: 80, host }] });
  const { message, retryable } = await refusalOf(bench, instance);
  expect(message).toContain(`Port ${host} of bench is in use on this node by pid ${process.pid} (`);
  expect(retryable).toBe(true);
  expect(await bench.containers()).toEqual([]);
  await server?.[Symbol.asyncDispose]();
  expect(await bench.start(instance)).toMatchObject({ phase: 'running', ports: [{ host }] });
});

test('a port that a proxy of Docker has, with no container behind it, is named with what to do', async () => {
  await using bench = await openDockerBench();
  const [host = 0] = await freePorts(1);
  const listening = `require('net').createServer().listen(${host}, '127.0.0.1')`;
  const proxy = spawn(process.execPath, ['-e', `process.title = 'docker-proxy'; ${listening}`]);
  const ended = once(proxy, 'exit');
  await using _proxy = {
    async [Symbol.asyncDispose]() {
      proxy.kill('SIGKILL');
      await ended;
    },
  };
  await eventually('the proxy has the port', async () => {
    await using free = await listen(host);
    return free === undefined;
  });
  const { message, hint } = await refusalOf(
    bench,
    bench.instance(SLEEP, { ports: [{ container: 80, host }] }),
  );
  expect(message).toContain(`is in use on this node by pid ${proxy.pid} (docker-proxy)`);
  expect(hint).toContain('no container is behind it');
});

test('a free port that the engine would choose next, and that another program has, is passed over', async () => {
  await using bench = await openDockerBench();
  const automatic = () => bench.instance(SLEEP, { ports: [{ container: 80 }] });
  const first = await bench.start(automatic());
  const last = first.ports[0]?.host ?? 0;
  const servers = await Promise.all([1, 2].map((step) => listen(last + step)));
  await using stack = new AsyncDisposableStack();
  for (const server of servers) if (server !== undefined) stack.use(server);
  const taken = servers.flatMap((server) => server?.port ?? []);
  const next = await bench.start(automatic());
  expect(next).toMatchObject({ phase: 'running' });
  expect(taken).not.toContain(next.ports[0]?.host);
});
