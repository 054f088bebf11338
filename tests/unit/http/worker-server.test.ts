import { describe, expect, it } from 'vitest';
import type { Assignments, StreamItem } from '../../../src/link/protocol.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { eventually } from '../../support/eventually.ts';
import { CLUSTER, TIME } from '../../support/fake-manager-service.ts';
import { openWorker, startWorker } from '../../support/http-doors.ts';

const id = '266592cd-960d-4091-981c-8c25c44b1018';
const spec = taskSpecSchema.parse({
  name: 'web',
  image: 'nginx',
  env: { A: { secret: 's3cret' } },
});

const assignments: Assignments = {
  protocol: 1,
  cluster: CLUSTER,
  epoch: 2,
  run: [{ taskId: id, attempt: 1, spec }],
  stop: [{ taskId: id, attempt: 2 }],
  forget: [],
  acknowledged: 7,
};

const items: readonly StreamItem[] = [
  {
    type: 'report',
    sequence: 1,
    observation: { taskId: id, attempt: 1, phase: 'preparing', progress: 'pulling' },
  },
  {
    type: 'heartbeat',
    stats: { used: { cpu: 0, memory: 0, disk: 0 }, load: 0, taskCount: 0, time: TIME },
    runtimes: [],
  },
  { type: 'report', sequence: 2, observation: { taskId: id, attempt: 1, phase: 'running' } },
];

describe("a worker's server", () => {
  it('takes a batch of orders whole, with secret values', async () => {
    await using worker = await openWorker();
    const payload = JSON.stringify(assignments);
    const reply = await worker.server.inject({ method: 'POST', url: '/assignments', payload });
    expect([reply.statusCode, reply.json()]).toEqual([200, {}]);
    expect(worker.service.assigned).toEqual([assignments]);
  });

  it.each([
    [{ ...assignments, epoch: 0 }, 'epoch'],
    [{ ...assignments, cluster: 'x' }, 'cluster'],
    [{ ...assignments, run: [{ taskId: id, attempt: 0, spec }] }, 'run[0].attempt'],
    [{ ...assignments, run: [{ taskId: id, attempt: 1, spec: { name: '' } }] }, 'run[0].spec.name'],
    [{ ...assignments, stop: [{ taskId: 'x', attempt: 1 }] }, 'stop[0].taskId'],
    [{ ...assignments, stop: Array(1001).fill({ taskId: id, attempt: 1 }) }, 'stop'],
  ])('refuses a batch with one thing wrong: %#', async (batch, field) => {
    await using worker = await openWorker();
    const payload = JSON.stringify(batch);
    const reply = await worker.server.inject({ method: 'POST', url: '/assignments', payload });
    expect([reply.statusCode, reply.json().field]).toEqual([400, field]);
    expect(worker.service.assigned).toEqual([]);
  });

  it('takes a batch of several MiB', async () => {
    await using worker = await openWorker();
    const large = taskSpecSchema.parse({
      name: 'a',
      image: 'b',
      args: Array(90).fill('x'.repeat(32_000)),
    });
    const payload = JSON.stringify({
      ...assignments,
      run: [1, 2].map((attempt) => ({ taskId: id, attempt, spec: large })),
    });
    expect(payload.length).toBeGreaterThan(5 * 1024 ** 2);
    const reply = await worker.server.inject({ method: 'POST', url: '/assignments', payload });
    expect(reply.statusCode).toBe(200);
  });

  it('refuses a manager whose reign is over', async () => {
    await using worker = await openWorker();
    worker.service.epoch = 3;
    const payload = JSON.stringify(assignments);
    const reply = await worker.server.inject({ method: 'POST', url: '/assignments', payload });
    expect([reply.statusCode, reply.json().code]).toEqual([409, 'stale-epoch']);
  });

  it('lists what it knows, without any spec', async () => {
    await using worker = await openWorker();
    const reply = await worker.server.inject('/assignments');
    expect(reply.json()).toMatchObject({ protocol: 1, observations: [], orphans: [] });
  });

  it('streams reports after a sequence, with heartbeats, until the client goes', async () => {
    await using worker = await startWorker();
    worker.service.items = items;
    const abort = new AbortController();
    const reply = await fetch(`${worker.url}/reports?after=1`, { signal: abort.signal });
    expect(reply.headers.get('content-type')).toBe('application/x-ndjson');
    let text = '';
    const reading = (async () => {
      for await (const chunk of reply.body ?? []) text += Buffer.from(chunk).toString();
    })().catch(() => undefined);
    await eventually('both came', () => text.split('\n').length === 3);
    const got = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(got).toEqual([items[1], items[2]]);
    abort.abort();
    await reading;
  });

  it.each(['after=-1', 'after=x', 'before=1'])('refuses reports with ?%s', async (query) => {
    await using worker = await openWorker();
    expect((await worker.server.inject(`/reports?${query}`)).statusCode).toBe(400);
  });

  it('gives the output of one attempt', async () => {
    await using worker = await openWorker();
    worker.service.lines = [{ stream: 'stdout', text: 'hello' }];
    const reply = await worker.server.inject(`/attempts/${id}/3/logs?tail=10`);
    expect(reply.body).toBe('{"stream":"stdout","text":"hello"}\n');
    expect(worker.service.askedLogs).toEqual([
      { key: { taskId: id, attempt: 3 }, options: { follow: false, tail: 10 } },
    ]);
    expect((await worker.server.inject(`/attempts/${id}/0/logs`)).json().field).toBe('attempt');
    expect((await worker.server.inject('/attempts/x/1/logs')).json().field).toBe('taskId');
  });

  it('runs tasks on its own, as in the reference', async () => {
    await using worker = await openWorker();
    const payload = JSON.stringify({ id, name: 'web', image: 'nginx' });
    const submit = { method: 'POST', url: '/tasks', payload } as const;
    expect((await worker.server.inject(submit)).statusCode).toBe(201);
    expect((await worker.server.inject(submit)).statusCode).toBe(200);
    expect((await worker.server.inject('/tasks')).json()).toMatchObject({ items: [{ id }] });
    expect((await worker.server.inject(`/tasks/${id}`)).json()).toMatchObject({ id });
    const stop = { method: 'DELETE', url: `/tasks/${id}` } as const;
    expect((await worker.server.inject(stop)).json()).toMatchObject({
      status: { desired: 'stopped' },
    });
    expect((await worker.server.inject('/stats')).json()).toMatchObject({ used: { cpu: 0.5 } });
    expect((await worker.server.inject('/healthz')).json()).toEqual({ healthy: true });
  });
});
