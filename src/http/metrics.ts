import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Metrics of one server, in a registry of its own so that several fit into one process. */
export interface ServerMetrics {
  readonly registry: Registry;
  /** Counts one finished request. `route` is the pattern, never the path as it came. */
  observe(request: { route: string; method: string; status: number; seconds: number }): void;
}

/** @param hasDefaults adds those of the process itself: memory, cpu, event loop. */
export function createServerMetrics(options: { readonly hasDefaults: boolean }): ServerMetrics {
  const registry = new Registry();
  if (options.hasDefaults) collectDefaultMetrics({ register: registry });
  const labelNames = ['route', 'method', 'status'];
  const requests = new Counter({
    name: 'cube_http_requests_total',
    help: 'Requests answered.',
    labelNames,
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'cube_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its reply; streams last long.',
    labelNames: ['route', 'method'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers: [registry],
  });
  return {
    registry,
    observe({ route, method, status, seconds }) {
      requests.inc({ route, method, status });
      duration.observe({ route, method }, seconds);
    },
  };
}

/** One value with its labels, as it is at the moment of asking. */
type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>];

export interface GaugeOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  /** Called whenever the metrics are read. */
  readonly read: () => readonly Sample[];
}

/** Registers a gauge whose values are looked up only when somebody asks. */
export function addGauge(registry: Registry, options: GaugeOptions): void {
  const { name, help, labelNames = [], read } = options;
  const gauge = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [],
    collect() {
      this.reset();
      for (const [value, labels = {}] of read()) this.set(labels, value);
    },
  });
  registry.registerMetric(gauge);
}
