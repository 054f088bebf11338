import { systemClock } from '../../src/lib/clock.ts';
import type {
  SimulatedBehaviour,
  SimulatedExecution,
  SimulatedSubject,
} from '../../src/runtime/simulated/simulated-behaviour.ts';
import { createSimulatedRuntime } from '../../src/runtime/simulated/simulated-runtime.ts';
import { SimulatedWorld } from '../../src/runtime/simulated/simulated-world.ts';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../src/task/task-spec.ts';
import { runtimeSuite } from './runtime-suite.ts';
import type { ExecuteWorkload, Workload } from './runtime-workloads.ts';

for (const name of ['docker', 'process'] as const) {
  const random = new SeededRandom(1);
  const world = new SimulatedWorld({ clock: systemClock, random, policy: behaviourOfWorkload });
  runtimeSuite(`the simulated ${name} runtime`, {
    capabilities: {
      memoryLimits: true,
      realPorts: false,
      automaticPorts: name === 'docker',
      realOutput: false,
      realUsage: false,
    },
    create: async (worker) =>
      createSimulatedRuntime({ name, worker, clock: systemClock, random, world }),
    spec: (workload, overrides) => {
      const input: TaskSpecInput = {
        name: 'simulated',
        command: workload.kind,
        args: [JSON.stringify(workload)],
        ...(name === 'docker' ? { image: 'simulated' } : {}),
        ...(workload.kind === 'memory-hog' ? { memory: workload.memory } : {}),
        ...overrides,
      };
      return taskSpecSchema.parse(input);
    },
    command: (workload) => [JSON.stringify(workload)],
  });
}

/** Does what the suite's workload would do, told by the arguments of its spec. */
function behaviourOfWorkload(subject: SimulatedSubject): SimulatedBehaviour {
  const workload: Workload = JSON.parse(subject.spec.args[0] ?? '');
  const common = { startMs: 5, execute: executionOf };
  const ready = [{ afterMs: 1, stream: 'stdout', text: 'ready' }] as const;
  switch (workload.kind) {
    case 'sleeper':
      return { ...common, output: ready, stopCode: 3, stopMs: 5 };
    case 'stubborn':
      return { ...common, output: ready, ignoresStop: true };
    case 'exits':
      return { ...common, exit: { afterMs: workload.afterMs ?? 0, code: workload.code } };
    case 'prints': {
      const output = workload.lines.map((line, index) => ({ afterMs: index, ...line }));
      return { ...common, output, exit: { afterMs: output.length, code: workload.code } };
    }
    case 'chatter':
      return { ...common, chatter: { everyMs: 20, text: 'tick' } };
    case 'long-line': {
      const texts = ['x'.repeat(workload.length), 'after'];
      const output = texts.map((text) => ({ afterMs: 0, stream: 'stdout' as const, text }));
      return { ...common, output, exit: { afterMs: 1, code: 0 } };
    }
    case 'memory-hog':
      return { ...common, outOfMemoryAfterMs: 10 };
    case 'missing-program': {
      const message = `There is no program ${subject.spec.command}.`;
      return { ...common, startFailure: { code: 'runtime-failed', message } };
    }
    case 'environment':
    case 'invalid-utf8':
      return { ...common, exit: { afterMs: 0, code: 0 } };
  }
}

function executionOf(command: readonly string[]): SimulatedExecution {
  const workload: ExecuteWorkload = JSON.parse(command[0] ?? '');
  switch (workload.kind) {
    case 'says':
      return { exitCode: workload.code, output: `${workload.text}\n` };
    case 'says-much':
      return { exitCode: 0, output: 'y'.repeat(workload.length) };
    case 'hangs':
      return { exitCode: 0, output: '', takesMs: 3_600_000 };
  }
}
