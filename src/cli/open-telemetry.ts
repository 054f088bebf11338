import {
  type Context,
  context,
  isSpanContextValid,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer as TelemetryTracer,
  trace,
} from '@opentelemetry/api';
import { messageOf } from '../errors/cube-error.ts';
import { noopTracer, type Span, type SpanOptions, type Tracer } from '../lib/tracer.ts';

/** version, trace, span and flags of https://www.w3.org/TR/trace-context/ */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT } as const;

/**
 * Hands spans to the OpenTelemetry SDK that the user has set up in this process before, as by
 * `node --import`. Where there is none, nothing is collected.
 */
export function createTracer(version: string): Tracer {
  const provider = trace.getTracerProvider();
  // What the API gives before an SDK has registered: a stand-in without anything behind it.
  const isAbsent =
    provider instanceof ProxyTracerProvider && provider.getDelegateTracer('cube') === undefined;
  if (isAbsent) return noopTracer;
  const tracer = provider.getTracer('cube', version);
  return { open: (name, options = {}) => openSpan(tracer, name, options) };
}

function openSpan(tracer: TelemetryTracer, name: string, options: SpanOptions): Span {
  const { kind, parent, attributes = {} } = options;
  const span = tracer.startSpan(
    name,
    { kind: kind === undefined ? SpanKind.INTERNAL : KINDS[kind], attributes: { ...attributes } },
    parentContext(parent),
  );
  return {
    traceparent: toTraceparent(span.spanContext()),
    set: (more) => void span.setAttributes({ ...more }),
    end(error) {
      if (error !== undefined) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      }
      span.end();
    },
  };
}

/** Without a parent of its own a span belongs to whatever the user's instrumentation has begun. */
function parentContext(parent: string | undefined): Context {
  const [, traceId = '', spanId = '', flags = '0'] = TRACEPARENT.exec(parent ?? '') ?? [];
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  if (!isSpanContextValid(spanContext)) return context.active();
  return trace.setSpanContext(ROOT_CONTEXT, spanContext);
}

function toTraceparent(spanContext: SpanContext): string | undefined {
  if (!isSpanContextValid(spanContext)) return undefined;
  const { traceId, spanId, traceFlags } = spanContext;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
