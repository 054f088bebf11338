import { describe, expect, it } from 'vitest';
import { openManager, openWorker } from '../../support/http-doors.ts';

interface Description {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, object>>;
  readonly components: { readonly schemas: Record<string, object> };
}

async function describeServer(open: typeof openManager | typeof openWorker): Promise<Description> {
  await using opened = await open();
  return (await opened.server.inject('/openapi.json')).json();
}

function pathsOf(description: Description): string[] {
  return Object.entries(description.paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`))
    .sort();
}

describe('the description of the API', () => {
  it('tells every path of the manager', async () => {
    const description = await describeServer(openManager);
    expect(description.openapi).toBe('3.1.0');
    expect(pathsOf(description)).toEqual([
      'DELETE /tasks/{id}',
      'GET /backup',
      'GET /diff',
      'GET /events',
      'GET /healthz',
      'GET /metrics',
      'GET /nodes',
      'GET /openapi.json',
      'GET /status',
      'GET /tasks',
      'GET /tasks/{id}',
      'GET /tasks/{id}/events',
      'GET /tasks/{id}/exec',
      'GET /tasks/{id}/logs',
      'GET /tasks/{id}/placement',
      'GET /usage',
      'POST /nodes',
      'POST /nodes/{name}/drain',
      'POST /nodes/{name}/labels',
      'POST /nodes/{name}/resume',
      'POST /plan',
      'POST /prune',
      'POST /tasks',
      'POST /tasks/{id}/restart',
      'POST /verify',
    ]);
  });

  it('tells every path of the worker', async () => {
    expect(pathsOf(await describeServer(openWorker))).toEqual([
      'DELETE /tasks/{id}',
      'GET /assignments',
      'GET /attempts/{taskId}/{attempt}/exec',
      'GET /attempts/{taskId}/{attempt}/logs',
      'GET /healthz',
      'GET /metrics',
      'GET /openapi.json',
      'GET /reports',
      'GET /stats',
      'GET /tasks',
      'GET /tasks/{id}',
      'GET /usage',
      'POST /assignments',
      'POST /tasks',
    ]);
  });

  it('refers to nothing that it does not define, and defines nothing that it does not use', async () => {
    for (const open of [openManager, openWorker] as const) {
      const description = await describeServer(open);
      const text = JSON.stringify(description);
      const used = new Set(
        [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name),
      );
      expect([...used].sort()).toEqual(Object.keys(description.components.schemas).sort());
    }
  });

  it('has the names that generated clients rely on', async () => {
    const { components } = await describeServer(openManager);
    expect(Object.keys(components.schemas)).toEqual(
      expect.arrayContaining(['Task', 'TaskSpec', 'TaskSpecInput', 'TaskPage', 'Event', 'Problem']),
    );
  });
});
