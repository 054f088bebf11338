import { systemClock } from '../../src/lib/clock.ts';
import { noopLogger } from '../../src/lib/logger.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createProcessRuntime } from '../../src/runtime/process/process-runtime.ts';
import type { InstanceSpec } from '../../src/runtime/runtime.ts';

/**
 * A worker's process in little, to be killed: starts the instances that its argument holds, prints
 * their statuses as one line of JSON, and stays.
 */
const { directory, worker, instances }: Order = JSON.parse(process.argv[2] ?? '');

interface Order {
  readonly directory: string;
  readonly worker: string;
  readonly instances: readonly InstanceSpec[];
}

const runtime = createProcessRuntime({
  directory,
  worker,
  clock: systemClock,
  random: systemRandom,
  logger: noopLogger,
});
const stay = setInterval(() => undefined, 1000);
const { signal } = new AbortController();
const statuses = [];
for (const instance of instances) {
  statuses.push(await runtime.start(instance, { signal, onProgress: () => undefined }));
}
console.log(JSON.stringify(statuses));
stay.ref();
