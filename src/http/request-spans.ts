import type { FastifyRequest } from 'fastify';
import { noopTracer, type Span, type Tracer } from '../lib/tracer.ts';

/** The spans of requests that are being answered, each a part of the trace that its client names. */
export class RequestSpans {
  readonly #tracer: Tracer;
  readonly #spans = new WeakMap<FastifyRequest, Span>();

  constructor(tracer: Tracer = noopTracer) {
    this.#tracer = tracer;
  }

  open(request: FastifyRequest): void {
    // Nothing is remembered of requests that nobody asks about.
    if (this.#tracer === noopTracer) return;
    const route = request.is404 ? undefined : request.routeOptions.url;
    const { traceparent } = request.headers;
    const span = this.#tracer.open(`${request.method} ${route ?? 'none'}`, {
      kind: 'server',
      parent: typeof traceparent === 'string' ? traceparent : undefined,
      attributes: {
        'http.request.method': request.method,
        ...(route === undefined ? {} : { 'http.route': route }),
        'cube.request.id': request.id,
      },
    });
    this.#spans.set(request, span);
  }

  traceparentOf(request: FastifyRequest): string | undefined {
    return this.#spans.get(request)?.traceparent;
  }

  end(request: FastifyRequest, status: number): void {
    const span = this.#spans.get(request);
    span?.set({ 'http.response.status_code': status });
    span?.end(status >= 500 ? `Status ${status}.` : undefined);
  }
}
