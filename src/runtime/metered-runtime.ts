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

const MEASURED: readonly RuntimeCall['call'][] = [
  'probe',
  'start',
  'stop',
  'remove',
  'inspect',
  'list',
  'execute',
  'usage',
];

/** The same runtime, with its calls measured; its streams are left as they are. */
export function meterRuntime(runtime: Runtime, options: RuntimeMeterOptions): Runtime {
  return new Proxy(runtime, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const call = MEASURED.find((one) => one === name);
      if (call === undefined) return value.bind(target);
      return (...parameters: readonly unknown[]) =>
        measure(() => value.apply(target, parameters), {
          ...options,
          runtime: runtime.name,
          call,
          signal: findSignal(parameters.at(-1)),
        });
    },
  });
}

interface Measured extends RuntimeMeterOptions, Pick<RuntimeCall, 'runtime' | 'call'> {
  readonly signal: AbortSignal | undefined;
}

async function measure(run: () => unknown, measured: Measured): Promise<unknown> {
  const { clock, onCall, runtime, call, signal } = measured;
  const startedAt = clock.monotonic();
  const tell = (outcome: string): void => {
    onCall({ runtime, call, outcome, seconds: (clock.monotonic() - startedAt) / 1000 });
  };
  try {
    const result = await run();
    tell('done');
    return result;
  } catch (error) {
    if (signal?.aborted === true) tell('aborted');
    else tell(isCubeError(error) ? error.code : 'internal');
    throw error;
  }
}

/** The last parameter of each call is its signal, or has it. */
function findSignal(parameter: unknown): AbortSignal | undefined {
  if (parameter instanceof AbortSignal) return parameter;
  const inner: unknown = Reflect.get(Object(parameter), 'signal');
  return inner instanceof AbortSignal ? inner : undefined;
}
