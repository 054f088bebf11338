import { SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { findTracer } from '../../../src/cli/find-tracer.ts';
import { createTracer } from '../../../src/cli/open-telemetry.ts';
import { noopTracer } from '../../../src/lib/tracer.ts';
import { SpanCollector } from '../../support/span-collector.ts';

afterEach(() => trace.disable());

describe('traces', () => {
  it('are not even begun where nobody has set up an SDK', () => {
    expect(createTracer('1.0.0')).toBe(noopTracer);
    const span = noopTracer.open('anything');
    span.set({ a: 1 });
    span.end();
    expect(span.traceparent).toBeUndefined();
  });

  it('are handed to the SDK that was set up before', async () => {
    expect(await findTracer('1.0.0')).toBe(noopTracer);
    const collector = new SpanCollector();
    trace.setGlobalTracerProvider(collector);
    const tracer = await findTracer('1.0.0');
    tracer.open('a span').end();
    expect(collector.ended).toHaveLength(1);
  });

  it('go on where the parent says, and begin anew where it says nothing that is valid', () => {
    const collector = new SpanCollector();
    trace.setGlobalTracerProvider(collector);
    const tracer = createTracer('1.0.0');
    const first = tracer.open('first', { parent: 'not a traceparent' });
    expect(first.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    tracer.open('second', { parent: first.traceparent, kind: 'server' }).end();
    tracer.open('third', { parent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01` }).end();
    first.end(new Error('It broke.'));
    const [second, third, ended] = collector.ended;
    expect(ended).toMatchObject({
      parentId: undefined,
      status: { code: SpanStatusCode.ERROR, message: 'It broke.' },
    });
    expect(second).toMatchObject({ traceId: ended?.traceId, parentId: ended?.spanId });
    expect(third?.parentId).toBeUndefined();
  });
});
