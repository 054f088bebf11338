import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { openManager, openWorker, startManager } from '../../support/http-doors.ts';

describe('metrics', () => {
  it('count requests by the pattern of their path, never by the path itself', async () => {
    await using manager = await openManager();
    const id = '266592cd-960d-4091-981c-8c25c44b1018';
    await manager.server.inject(`/tasks/${id}`);
    await manager.server.inject('/a-path-that-is-not');
    const { body, headers } = await manager.server.inject('/metrics');
    expect(headers['content-type']).toContain('text/plain');
    expect(body).toContain(
      'cube_http_requests_total{route="/tasks/:id",method="GET",status="404"} 1',
    );
    expect(body).toContain('cube_http_requests_total{route="none",method="GET",status="404"} 1');
    expect(body).not.toContain(id);
    expect(body).not.toContain('a-path-that-is-not');
  });

  it('tell how long requests took, and of those whose client went first', async () => {
    const clock = new VirtualClock();
    await using manager = await startManager({ clock });
    const abort = new AbortController();
    const asked = fetch(`${manager.url}/events`, { signal: abort.signal });
    await eventually('it is asked for', () => manager.service.streamCount === 1);
    await clock.advance(2000);
    await asked;
    abort.abort();
    const headers = { host: `localhost:${manager.port}` };
    await eventually('it is counted', async () => {
      const { body } = await manager.server.inject({ url: '/metrics', headers });
      return body.includes(
        'cube_http_request_duration_seconds_sum{route="/events",method="GET",status="200"} 2\n',
      );
    });
    const fields = { method: 'GET', route: '/events', status: 200, durationMs: 2000 };
    expect(manager.logger.lines).toContainEqual(
      expect.objectContaining({ level: 'debug', fields: expect.objectContaining(fields) }),
    );
  });

  it('tell of the cluster as it is now', async () => {
    await using manager = await openManager();
    const payload = JSON.stringify({ name: 'web', image: 'nginx' });
    await manager.server.inject({ method: 'POST', url: '/tasks', payload });
    const { body } = await manager.server.inject('/metrics');
    expect(body).toContain('cube_tasks{state="pending"} 1');
    expect(body).toContain('cube_nodes{liveness="up"} 0');
    expect(body).toContain('cube_revision 1');
    expect(body).toContain('cube_healthy 1');
  });

  it('tell of the machine on a worker, and of the process where asked', async () => {
    await using worker = await openWorker({ hasProcessMetrics: true });
    const { body } = await worker.server.inject('/metrics');
    expect(body).toContain('cube_worker_cpu_cores 0.5');
    expect(body).toContain('process_resident_memory_bytes');
  });
});
