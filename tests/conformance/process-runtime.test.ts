import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { noopLogger } from '../../src/lib/logger.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { findControlGroupMounts } from '../../src/runtime/process/control-group-mounts.ts';
import { createProcessRuntime } from '../../src/runtime/process/process-runtime.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../src/task/task-spec.ts';
import { findProcessLeftovers } from '../support/process-leftovers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type RuntimeSuiteProvider, runtimeSuite } from './runtime-suite.ts';
import { type MakeSpec, toShellCommand, toShellScript } from './runtime-workloads.ts';
import { sessionSuite } from './session-suite.ts';

const mounts = await findControlGroupMounts();
const isRoot = process.getuid?.() === 0;

const spec: MakeSpec = (workload, overrides) => {
  const isMissing = workload.kind === 'missing-program';
  const input: TaskSpecInput = {
    name: 'workload',
    ...(isMissing
      ? { command: 'no-such-program-anywhere' }
      : { command: 'sh', args: ['-c', toShellScript(workload)] }),
    ...(workload.kind === 'memory-hog' ? { memory: workload.memory } : {}),
    ...overrides,
  };
  return taskSpecSchema.parse(input);
};

/**
 * A directory that others can reach, which the one of a test is not. All its folders go with the
 * instances, and it goes when the tests are over.
 */
async function makeWorkRoot(worker: string): Promise<string> {
  await chmod(workRoots.path, 0o711);
  return join(workRoots.path, worker);
}

const workRoots = await temporaryDirectory();
afterAll(() => workRoots[Symbol.asyncDispose]());

/** The suite runs with the machine's control groups where they can be used, and without any. */
const variants = [
  { name: 'the process runtime', mounts, user: undefined },
  { name: 'the process runtime without control groups', mounts: [], user: undefined },
  ...(isRoot ? [{ name: 'the process runtime as another user', mounts, user: 'nobody' }] : []),
];

for (const variant of variants) {
  const provider: RuntimeSuiteProvider = {
    capabilities: {
      memoryLimits: isRoot && variant.mounts.length > 0,
      realPorts: true,
      automaticPorts: false,
      realOutput: true,
      realUsage: true,
    },
    create: async (worker, directory) =>
      createProcessRuntime({
        directory,
        worker,
        clock: systemClock,
        random: systemRandom,
        logger: noopLogger,
        controlGroupMounts: variant.mounts,
        ...(variant.user === undefined
          ? {}
          : { user: variant.user, workRoot: await makeWorkRoot(worker) }),
      }),
    spec,
    command: toShellCommand,
    leftovers: findProcessLeftovers,
  };
  runtimeSuite(variant.name, provider);
  if (variant === variants.at(-1)) sessionSuite(variant.name, provider);
}
