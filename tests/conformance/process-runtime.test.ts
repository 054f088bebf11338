import { systemClock } from '../../src/lib/clock.ts';
import { noopLogger } from '../../src/lib/logger.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { findControlGroupMounts } from '../../src/runtime/process/control-group-mounts.ts';
import { createProcessRuntime } from '../../src/runtime/process/process-runtime.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../src/task/task-spec.ts';
import { findProcessLeftovers } from '../support/process-leftovers.ts';
import { runtimeSuite } from './runtime-suite.ts';
import { type MakeSpec, toShellCommand, toShellScript } from './runtime-workloads.ts';

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

/** The suite runs with the machine's control groups where they can be used, and without any. */
const variants = [
  { name: 'the process runtime', mounts, user: undefined },
  { name: 'the process runtime without control groups', mounts: [], user: undefined },
  ...(isRoot ? [{ name: 'the process runtime as another user', mounts, user: 'nobody' }] : []),
];

for (const variant of variants) {
  runtimeSuite(variant.name, {
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
        ...(variant.user === undefined ? {} : { user: variant.user }),
      }),
    spec,
    command: toShellCommand,
    leftovers: findProcessLeftovers,
  });
}
