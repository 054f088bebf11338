import { createDockerRuntime } from '../../src/runtime/docker/docker-runtime.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../src/task/task-spec.ts';
import { type RuntimeSuiteProvider, runtimeSuite } from '../conformance/runtime-suite.ts';
import {
  type SpecOverrides,
  toShellCommand,
  toShellScript,
  type Workload,
} from '../conformance/runtime-workloads.ts';
import { sessionSuite } from '../conformance/session-suite.ts';
import { ensureTestImage, TEST_IMAGE } from '../support/docker-image.ts';

const provider: RuntimeSuiteProvider = {
  capabilities: {
    memoryLimits: true,
    realPorts: true,
    automaticPorts: true,
    realOutput: true,
    realUsage: true,
  },
  create: async (worker) => {
    await ensureTestImage();
    const { DOCKER_HOST: dockerHost } = process.env;
    return createDockerRuntime({ worker, ...(dockerHost === undefined ? {} : { dockerHost }) });
  },
  spec: toSpec,
  command: toShellCommand,
};

runtimeSuite('the docker runtime', provider);
sessionSuite('the docker runtime', provider);

function toSpec(workload: Workload, overrides?: SpecOverrides) {
  const input: TaskSpecInput = {
    name: 'conformance',
    image: TEST_IMAGE,
    pull: 'never',
    ...(workload.kind === 'missing-program'
      ? { command: 'cube-no-such-program' }
      : { command: 'sh', args: ['-c', toShellScript(workload)] }),
    ...(workload.kind === 'memory-hog' ? { memory: workload.memory } : {}),
    ...overrides,
  };
  return taskSpecSchema.parse(input);
}
