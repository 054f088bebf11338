import { isCubeError } from '../errors/cube-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { RuntimeName } from '../task/task-spec.ts';
import type { Runtime } from './runtime.ts';

/** What is measured of one call of a runtime. */
export interface RuntimeCall {
  readonly runtime: RuntimeName;
  readonly call: 'probe' | 'start' | 'stop' | 'remove' | 'inspect' | 'list' | 'execute' | 'usage';
  /** `done`, `aborted` where it was not wanted any more, or the code of the error. */
  readonly outcome: string;
  readonly seconds: number;
}

export interface RuntimeMeterOptions {
  readonly clock: Clock;
  readonly onCall: (call: RuntimeCall) => void;
}

/** The same runtime, with its calls measured; its streams are left as they are. */
export function meterRuntime(runtime: Runtime, options: RuntimeMeterOptions): Runtime {
  const { clock, onCall } = options;
  const measured = async <Result>(
    call: RuntimeCall['call'],
    signal: AbortSignal,
    run: () => Promise<Result>,
  ): Promise<Result> => {
    const startedAt = clock.monotonic();
    const tell = (outcome: string): void => {
      const seconds = (clock.monotonic() - startedAt) / 1000;
      onCall({ runtime: runtime.name, call, outcome, seconds });
    };
    try {
      const result = await run();
      tell('done');
      return result;
    } catch (error) {
      tell(signal.aborted ? 'aborted' : isCubeError(error) ? error.code : 'internal');
      throw error;
    }
  };
  return {
    name: runtime.name,
    probe: (signal) => measured('probe', signal, () => runtime.probe(signal)),
    start: (instance, start) =>
      measured('start', start.signal, () => runtime.start(instance, start)),
    stop: (key, stop) => measured('stop', stop.signal, () => runtime.stop(key, stop)),
    remove: (key, remove) => measured('remove', remove.signal, () => runtime.remove(key, remove)),
    inspect: (key, signal) => measured('inspect', signal, () => runtime.inspect(key, signal)),
    list: (signal) => measured('list', signal, () => runtime.list(signal)),
    events: (signal) => runtime.events(signal),
    logs: (key, logs) => runtime.logs(key, logs),
    execute: (key, command) =>
      measured('execute', command.signal, () => runtime.execute(key, command)),
    usage: (signal) => measured('usage', signal, () => runtime.usage(signal)),
    close: () => runtime.close(),
  };
}
