import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Metrics of one server, in a registry of its own so that several fit into one process. */
export interface ServerMetrics {
  readonly registry: Registry;
  /** Counts one finished request. `route` is the pattern, never the path as it came. */
  observe(request: { route: string; method: string; status: number; seconds: number }): void;
}

/** For what a person waits for, from a millisecond to a minute, in seconds. */
export const WAIT_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** @param hasDefaults adds those of the process itself: memory, cpu, event loop. */
export function createServerMetrics(options: { readonly hasDefaults: boolean }): ServerMetrics {
  const registry = new Registry();
  if (options.hasDefaults) collectDefaultMetrics({ register: registry });
  const requests = addCounter(registry, {
    name: 'cube_http_requests_total',
    help: 'Requests answered; status 499 where the client went before there was a reply.',
    labelNames: ['route', 'method', 'status'],
  });
  const duration = addHistogram(registry, {
    name: 'cube_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its reply; streams last long.',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  });
  return {
    registry,
    observe({ route, method, status, seconds }) {
      requests.inc({ route, method, status });
      duration.observe({ route, method, status }, seconds);
    },
  };
}

/** One value with its labels, as it is at the moment of asking. */
type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>];

interface MetricOptions {
  readonly name: string;
  readonly help: string;
  /** Each takes few values, known beforehand: never an id, a name or a path. */
  readonly labelNames?: readonly string[];
}

export interface GaugeOptions extends MetricOptions {
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

export function addCounter(registry: Registry, options: MetricOptions): Counter {
  const { name, help, labelNames = [] } = options;
  return new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
}

export function addHistogram(
  registry: Registry,
  options: MetricOptions & { readonly buckets: readonly number[] },
): Histogram {
  const { name, help, labelNames = [], buckets } = options;
  return new Histogram({
    name,
    help,
    labelNames: [...labelNames],
    buckets: [...buckets],
    registers: [registry],
  });
}

/** What is measured of a store, by whoever has wrapped it. */
export interface StoreMeter {
  onTransaction(measure: {
    readonly seconds: number;
    readonly recordCount: number;
    readonly isDurable: boolean;
  }): void;
}

/** @param prefix `cube_store`, or `cube_worker_store`. */
export function createStoreMeter(registry: Registry, prefix: string): StoreMeter {
  const duration = addHistogram(registry, {
    name: `${prefix}_transaction_duration_seconds`,
    help: 'Time until a transaction was durable: the flush to the disk, and the wait for it.',
    buckets: WAIT_BUCKETS,
  });
  const records = addHistogram(registry, {
    name: `${prefix}_transaction_records`,
    help: 'Records that a transaction writes or removes.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000],
  });
  const failures = addCounter(registry, {
    name: `${prefix}_transaction_failures_total`,
    help: 'Transactions that were refused: a full or broken disk, or another manager.',
  });
  return {
    onTransaction({ seconds, recordCount, isDurable }) {
      if (!isDurable) {
        failures.inc();
        return;
      }
      duration.observe(seconds);
      records.observe(recordCount);
    },
  };
}
