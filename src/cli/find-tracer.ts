import { noopTracer, type Tracer } from '../lib/tracer.ts';

/** Where whoever sets up OpenTelemetry leaves it, for every copy of its API 1.x in the process. */
const REGISTERED: symbol = Symbol.for('opentelemetry.js.api.1');

/**
 * The tracer of the OpenTelemetry SDK that the user has set up in this process before, as by
 * `node --import`. Its API, of 58 files, is loaded only then; else nothing is collected.
 */
export async function findTracer(version: string): Promise<Tracer> {
  if (Reflect.get(globalThis, REGISTERED) === undefined) return noopTracer;
  const { createTracer } = await import('./open-telemetry.ts');
  return createTracer(version);
}
