/** A piece of work under way, as one part of a trace. */
export interface Span {
  /**
   * Names this span to whoever goes on with the work elsewhere, as W3C Trace Context has it.
   * Undefined while nobody collects traces.
   */
  readonly traceparent: string | undefined;
  /** What became known since it was opened. */
  set(attributes: SpanAttributes): void;
  /** The work is done, or has failed with `error`. Later calls do nothing. */
  end(error?: unknown): void;
}

type SpanAttributes = Readonly<Record<string, string | number>>;

export interface SpanOptions {
  /** Default: neither side of a request. */
  readonly kind?: 'server' | 'client';
  /** The span that this one is a part of, by its `traceparent`. Default: it begins a trace. */
  readonly parent?: string | undefined;
  readonly attributes?: SpanAttributes;
}

/** What Cube needs of a collector of traces. Spans may overlap in any way. */
export interface Tracer {
  open(name: string, options?: SpanOptions): Span;
}

const noopSpan: Span = { traceparent: undefined, set: () => undefined, end: () => undefined };

/** Collects nothing, and costs nothing. The default wherever a tracer is optional. */
export const noopTracer: Tracer = { open: () => noopSpan };
