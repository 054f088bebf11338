import {
  type Attributes,
  type Context,
  type Span,
  type SpanOptions,
  type SpanStatus,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly attributes: Attributes;
  readonly status: SpanStatus | undefined;
}

/** An SDK in little: keeps the spans that have ended. */
export class SpanCollector implements TracerProvider {
  readonly ended: CollectedSpan[] = [];
  #count = 0;

  getTracer(): Tracer {
    return {
      startSpan: (name, options, context) => this.#start(name, options, context),
      startActiveSpan: () => {
        throw new Error('Nothing asks for this.');
      },
    };
  }

  #start(name: string, options: SpanOptions = {}, context?: Context): Span {
    this.#count += 1;
    const parent = context === undefined ? undefined : trace.getSpanContext(context);
    const ids = {
      traceId: parent?.traceId ?? String(this.#count).padStart(32, '0'),
      spanId: String(this.#count).padStart(16, '0'),
    };
    const attributes: Attributes = { ...options.attributes };
    let status: SpanStatus | undefined;
    const span: Span = {
      spanContext: () => ({ ...ids, traceFlags: TraceFlags.SAMPLED }),
      setAttribute: () => span,
      setAttributes: (more) => {
        Object.assign(attributes, more);
        return span;
      },
      addEvent: () => span,
      addLink: () => span,
      addLinks: () => span,
      setStatus: (given) => {
        status = given;
        return span;
      },
      updateName: () => span,
      isRecording: () => true,
      recordException: () => undefined,
      end: () =>
        void this.ended.push({ name, ...ids, parentId: parent?.spanId, attributes, status }),
    };
    return span;
  }
}
