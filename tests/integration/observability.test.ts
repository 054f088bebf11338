import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { taskSchema } from '../../src/task/task.ts';
import type { CliResult } from '../support/cli.ts';
import { startCliDaemon } from '../support/cli-daemon.ts';
import { eventually } from '../support/eventually.ts';
import { type CollectedSpan, SpanCollector } from '../support/span-collector.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

// One manager and one worker, each of one task's steps seen in metrics, logs and traces.

const clock = systemClock;
const environment = {
  DOCKER_HOST: 'unix:///nonexistent/docker.sock',
  CUBE_LOG_LEVEL: 'debug',
};

const METRICS_PAGE = join(import.meta.dirname, '../../docs/metrics.md');

interface Observed {
  readonly taskId: string;
  readonly metrics: { readonly manager: string; readonly worker: string };
  readonly log: readonly Readonly<Record<string, unknown>>[];
  readonly spans: readonly CollectedSpan[];
}

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const collector = new SpanCollector();
let observed: Observed;

beforeAll(async () => {
  trace.setGlobalTracerProvider(collector);
  observed = await observe();
});

afterAll(() => trace.disable());

async function observe(): Promise<Observed> {
  await using directory = await temporaryDirectory();
  const argv = ['up', '--data-dir', directory.path, '--port', '0', '--worker-port', '0'];
  const daemon = await startCliDaemon([...argv, '--stop-tasks'], { clock, environment });
  let result: CliResult | undefined;
  try {
    const [worker] = JSON.parse(JSON.stringify(daemon.greeting['workers']));
    const taskId = await runTask(daemon.url);
    const read = async (url: string) => await (await fetch(`${url}/metrics`)).text();
    await eventually('its health was checked', async () =>
      (await read(worker.address)).includes('_check_duration_seconds_count{finding="healthy"}'),
    );
    const metrics = { manager: await read(daemon.url), worker: await read(worker.address) };
    result = await daemon.end();
    const lines = result.stderr.split('\n').filter((line) => line.startsWith('{'));
    return { taskId, metrics, log: lines.map((line) => JSON.parse(line)), spans: collector.ended };
  } finally {
    if (result === undefined) await daemon.end();
  }
}

/** Hands in a task as a client that is traced does, and waits until it runs. */
async function runTask(url: string): Promise<string> {
  const spec = {
    name: 'watched',
    command: 'sleep',
    args: ['600'],
    health: { command: ['true'], interval: '1s', timeout: '900ms' },
  };
  const reply = await fetch(`${url}/tasks`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
    },
    body: JSON.stringify(spec),
  });
  expect(reply.status).toBe(201);
  const { id } = taskSchema.parse(await reply.json());
  await eventually('the task runs', async () => {
    const task = taskSchema.parse(await (await fetch(`${url}/tasks/${id}`)).json());
    return task.status.state === 'running';
  });
  return id;
}

describe('the metrics', () => {
  test('of manager and worker are those that are documented', async () => {
    const page = await readFile(METRICS_PAGE, 'utf8');
    const [, ofManager = '', ofWorker = ''] = page.split(/^## .*$/m);
    const documented = (text: string) => [...text.matchAll(/^\| `(\w+)` /gm)].map(([, it]) => it);
    const exported = (text: string) =>
      [...text.matchAll(/^# TYPE (cube_\w+) /gm)].map(([, it]) => it);
    expect(exported(observed.metrics.manager).toSorted()).toEqual(documented(ofManager).toSorted());
    expect(exported(observed.metrics.worker).toSorted()).toEqual(documented(ofWorker).toSorted());
  });

  test('measure every stage of the task once', () => {
    const { manager, worker } = observed.metrics;
    for (const stage of ['commit', 'schedule', 'order', 'start']) {
      expect(manager).toContain(`cube_task_stage_duration_seconds_count{stage="${stage}"} 1\n`);
    }
    expect(manager).toContain('cube_task_startup_duration_seconds_count 1\n');
    expect(manager).toContain('cube_placements_total{outcome="placed"} 1\n');
    expect(manager).toMatch(/^cube_store_transaction_duration_seconds_count [1-9]/m);
    expect(manager).toMatch(
      /^cube_http_request_duration_seconds_count\{route="\/tasks",method="POST",status="201"\} 1$/m,
    );
    expect(manager).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
    expect(worker).toContain(
      'cube_runtime_calls_total{runtime="process",call="start",outcome="done"} 1\n',
    );
    expect(worker).toContain('cube_worker_attempts_total{phase="running"} 1\n');
    expect(worker).toContain('cube_runtime_up{runtime="docker"} 0\n');
  });

  test('never have the id of a task in them', () => {
    expect(JSON.stringify(observed.metrics)).not.toContain(observed.taskId);
  });

  test('are all there that the dashboard of Grafana asks for, with their labels', async () => {
    const page = await readFile(METRICS_PAGE, 'utf8');
    const path = join(import.meta.dirname, '../../deploy/grafana/cube.json');
    const dashboard = JSON.parse(await readFile(path, 'utf8'));
    const panels: { targets?: { expr: string }[] }[] = dashboard.panels;
    const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(queries.length).toBeGreaterThan(30);
    const { manager, worker } = observed.metrics;
    const text = `${manager}${worker}`;
    const types = new Set([...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name));
    for (const query of queries) {
      const names = [...query.matchAll(/\b((?:cube|nodejs|process)_\w+)/g)].map(
        ([, it]) => it ?? '',
      );
      expect(names, query).not.toEqual([]);
      for (const name of names) {
        const base = name.replace(/_(bucket|sum|count)$/, '');
        expect(types.has(name) || types.has(base), name).toBe(true);
      }
      const wanted = [...query.matchAll(/by \(([^)]*)\)/g)].flatMap(([, it = '']) =>
        it.split(/, ?/),
      );
      const matched = [...query.matchAll(/(\w+)(?:=|!=|=~)"/g)].map(([, it = '']) => it);
      for (const label of [...wanted, ...matched]) {
        // These two are added by Prometheus.
        if (label === 'job' || label === 'instance') continue;
        if (label === 'le') continue;
        expect(labelsOf(page, names), `${label} in ${query}`).toContain(label);
      }
    }
  });
});

/** What docs/metrics.md says of the labels of these metrics. */
function labelsOf(page: string, names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    const rows = page.matchAll(
      new RegExp(`^\\| \`(?:${name}|${base})\` \\| \\w+ \\| ([^|]*) \\|`, 'gm'),
    );
    return [...rows].flatMap(([, it = '']) =>
      [...it.matchAll(/`(\w+)`/g)].map(([, one]) => one ?? ''),
    );
  });
}

describe('the log', () => {
  test('names the task on every line that speaks of it, and the request that asked for it', () => {
    const { log, taskId } = observed;
    const speaking = log.filter((line) => JSON.stringify(line).includes(taskId));
    expect(speaking.length).toBeGreaterThan(5);
    for (const line of speaking) expect(line).toMatchObject({ taskId });
    const submitted = log.find(({ type }) => type === 'task-submitted');
    const request = log.find(({ route, method }) => route === '/tasks' && method === 'POST');
    expect(submitted).toMatchObject({ taskId, requestId: request?.['requestId'] });
    expect(request?.['requestId']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('names the attempt wherever there is one', () => {
    const { log, taskId } = observed;
    const messages = ['An attempt is to run.', 'An attempt runs.'];
    for (const msg of messages) {
      expect(log).toContainEqual(expect.objectContaining({ msg, taskId, attempt: 1 }));
    }
    const types = ['task-scheduled', 'task-started'];
    for (const type of types) {
      expect(log).toContainEqual(expect.objectContaining({ type, taskId, attempt: 1 }));
    }
  });
});

describe('the traces', () => {
  test('follow a task from the request to its start on the worker, in the trace of the client', () => {
    const spans = observed.spans.filter(({ traceId }) => traceId === TRACE);
    const find = (name: string) => spans.find((span) => span.name === name);
    const request = find('POST /tasks');
    expect(request).toMatchObject({ parentId: 'b7ad6b7169203331' });
    for (const name of ['cube.commit', 'cube.schedule', 'cube.assign']) {
      expect(find(name), name).toMatchObject({
        parentId: request?.spanId,
        attributes: { 'cube.task.id': observed.taskId },
      });
    }
    const assign = find('cube.assign')?.spanId;
    expect(find('cube.start')).toMatchObject({ parentId: assign });
    // Over the header of the request that carried the order.
    expect(find('POST /assignments')).toMatchObject({ parentId: assign });
  });

  test('tell of every request what came of it', () => {
    const request = observed.spans.find(({ name }) => name === 'POST /tasks');
    expect(request?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/tasks',
      'http.response.status_code': 201,
    });
  });
});
