import type { CubeClient } from '../../src/client/cube-client.ts';
import type { TaskReply } from '../../src/link/replies.ts';
import type { TaskState } from '../../src/task/task-state.ts';
import { CubeProcess, clientOf, freePorts } from './cube-process.ts';
import { eventually } from './eventually.ts';

/** `cube up` as a process of its own, on free ports, with a client for it. */
export interface CubeUp extends AsyncDisposable {
  readonly process: CubeProcess;
  readonly client: CubeClient;
  readonly port: number;
  readonly workerPort: number;
  untilState(id: string, state: TaskState): Promise<TaskReply>;
}

export async function startCubeUp(
  directory: string,
  flags: readonly string[] = [],
  environment: Record<string, string> = {},
): Promise<CubeUp> {
  const [port = 0, workerPort = 0] = await freePorts(2);
  const places = ['--data-dir', directory, '--port', `${port}`, '--worker-port', `${workerPort}`];
  const cube = new CubeProcess(['up', ...places, ...flags], environment);
  cube.start();
  const client = await clientOf(port);
  return {
    process: cube,
    client,
    port,
    workerPort,
    untilState: (id, state) => untilState(client, id, state),
    async [Symbol.asyncDispose]() {
      // Tasks of a test end with it; a task that ignores its signal ends with its time-out.
      if (cube.isRunning) await stopAll(client);
      await cube.end('SIGTERM');
    },
  };
}

/** Stops every task, and waits until none runs. */
export async function stopAll(client: CubeClient): Promise<void> {
  for await (const { id } of client.list()) await client.stop(id);
  await eventually('every task has ended', async () => {
    const tasks = await Array.fromAsync(client.list());
    return tasks.every(({ status }) => ['completed', 'failed'].includes(status.state));
  });
}

export function untilState(client: CubeClient, id: string, state: TaskState): Promise<TaskReply> {
  return eventually(
    `task ${id} is ${state}`,
    async () => {
      const task = await client.get(id);
      return task.status.state === state ? task : undefined;
    },
    60_000,
  );
}
