import { randomUUID } from 'node:crypto';
import Docker from 'dockerode';
import {
  createDockerRuntime,
  type DockerRuntimeOptions,
} from '../../src/runtime/docker/docker-runtime.ts';
import type {
  InstanceKey,
  InstanceSpec,
  InstanceStatus,
  Runtime,
} from '../../src/runtime/runtime.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../src/task/task-spec.ts';
import { ensureTestImage, TEST_IMAGE } from './docker-image.ts';
import { eventually } from './eventually.ts';

/** The docker runtime of one worker in one test, with the engine itself beside it to look at. */
export interface DockerBench extends AsyncDisposable {
  readonly worker: string;
  readonly runtime: Runtime;
  readonly docker: Docker;
  readonly signal: AbortSignal;
  /** An instance that runs the script in the test image, unless the spec says otherwise. */
  instance(script: string, spec?: Partial<TaskSpecInput>): InstanceSpec;
  start(instance: InstanceSpec): Promise<InstanceStatus>;
  untilEnded(key: InstanceKey): Promise<InstanceStatus>;
  output(key: InstanceKey): Promise<readonly string[]>;
  /** Ids of all containers of this worker. */
  containers(): Promise<readonly string[]>;
}

/** All containers and volumes of the worker are removed at the end. */
export async function openDockerBench(
  options: Partial<DockerRuntimeOptions> = {},
): Promise<DockerBench> {
  await ensureTestImage();
  const worker = options.worker ?? randomUUID();
  const docker = new Docker();
  const { DOCKER_HOST: dockerHost } = process.env;
  const runtime = createDockerRuntime({
    ...(dockerHost === undefined ? {} : { dockerHost }),
    ...options,
    worker,
  });
  const signal = AbortSignal.timeout(60_000);
  const filters = { label: [`cube.worker=${worker}`] };
  const containers = async () =>
    (await docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
  return {
    worker,
    runtime,
    docker,
    signal,
    containers,
    instance: (script, spec) => ({
      taskId: randomUUID(),
      attempt: 1,
      cluster: randomUUID(),
      spec: taskSpecSchema.parse({
        name: 'bench',
        image: TEST_IMAGE,
        pull: 'never',
        command: 'sh',
        args: ['-c', script],
        ...spec,
      }),
    }),
    start: (instance) => runtime.start(instance, { signal, onProgress: () => undefined }),
    untilEnded: (key) =>
      eventually('the container has ended', async () => {
        const status = await runtime.inspect(key, signal);
        return status?.phase === 'ended' ? status : undefined;
      }),
    output: async (key) => {
      const texts: string[] = [];
      for await (const { text } of runtime.logs(key, { follow: false, signal })) texts.push(text);
      return texts;
    },
    async [Symbol.asyncDispose]() {
      await runtime.close();
      for (const id of await containers()) {
        await docker.getContainer(id).remove({ force: true, v: true });
      }
      const { Volumes } = await docker.listVolumes({ filters });
      for (const { Name } of Volumes ?? []) await docker.getVolume(Name).remove();
    },
  };
}
