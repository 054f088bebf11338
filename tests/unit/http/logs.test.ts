import { describe, expect, it } from 'vitest';
import { chooseMediaType } from '../../../src/http/log-stream.ts';
import type { LogLine } from '../../../src/link/protocol.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { eventually } from '../../support/eventually.ts';
import { openManager, startManager } from '../../support/http-doors.ts';

const id = '266592cd-960d-4091-981c-8c25c44b1018';
const lines: readonly LogLine[] = [
  { stream: 'stdout', time: '2030-01-01T00:00:00.000Z', text: 'one' },
  { stream: 'stderr', text: 'two "quoted"' },
];

async function submit(manager: Awaited<ReturnType<typeof openManager>>): Promise<void> {
  const spec = taskSpecSchema.parse({ name: 'web', image: 'nginx' });
  await manager.service.submit({ id, spec }, { requestId: 'test' });
  manager.service.lines = lines;
}

describe('the output of a task', () => {
  it('is one JSON object a line', async () => {
    await using manager = await openManager();
    await submit(manager);
    const reply = await manager.server.inject(`/tasks/${id}/logs?tail=5`);
    expect(reply.headers['content-type']).toBe('application/x-ndjson');
    expect(
      reply.body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(lines);
    expect(manager.service.logOptions).toEqual([{ follow: false, tail: 5 }]);
  });

  it('is plain text for whoever prefers that', async () => {
    await using manager = await openManager();
    await submit(manager);
    const headers = { accept: 'text/plain' };
    const reply = await manager.server.inject({ url: `/tasks/${id}/logs`, headers });
    expect(reply.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(reply.body).toBe('one\ntwo "quoted"\n');
  });

  it('is followed until the client goes', async () => {
    await using manager = await startManager();
    await submit(manager);
    const abort = new AbortController();
    const url = `${manager.url}/tasks/${id}/logs?follow=true`;
    const reply = await fetch(url, { signal: abort.signal });
    const reader = reply.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toContain('one');
    abort.abort();
    await reader?.closed.catch(() => undefined);
  });

  it('has a head and a pulse even while the task says nothing', async () => {
    const clock = new VirtualClock();
    await using manager = await startManager({ clock });
    await submit(manager);
    manager.service.lines = [];
    const asked = fetch(`${manager.url}/tasks/${id}/logs?follow=1`);
    await eventually('it is asked for', () => manager.service.logOptions.length === 1);
    await clock.advance(1000);
    const reply = await asked;
    expect(reply.status).toBe(200);
    const reader = reply.body?.getReader();
    const beat = reader?.read();
    await clock.advance(15_000);
    expect(Buffer.from((await beat)?.value ?? []).toString()).toBe('\n');
    await reader?.cancel();
  });

  it.each([
    ['tail=-1', 'tail'],
    ['tail=1000000000', 'tail'],
    ['tail=1.5', 'tail'],
    ['follow=maybe', 'follow'],
    ['since=1', 'since'],
  ])('refuses ?%s', async (query, field) => {
    await using manager = await openManager();
    const reply = await manager.server.inject(`/tasks/${id}/logs?${query}`);
    expect([reply.statusCode, reply.json().field]).toEqual([400, field]);
  });

  it('of an unknown task is a proper refusal, not an empty stream', async () => {
    await using manager = await openManager();
    const reply = await manager.server.inject(`/tasks/${id}/logs`);
    expect([reply.statusCode, reply.json().code]).toEqual([404, 'not-found']);
  });

  it('is refused in a form that there is not', async () => {
    await using manager = await openManager();
    const headers = { accept: 'image/png' };
    const reply = await manager.server.inject({ url: `/tasks/${id}/logs`, headers });
    expect(reply.statusCode).toBe(406);
  });
});

describe('chooseMediaType', () => {
  const offered = ['application/x-ndjson', 'text/plain'];

  it.each([
    [undefined, 'application/x-ndjson'],
    ['', 'application/x-ndjson'],
    ['*/*', 'application/x-ndjson'],
    ['text/plain', 'text/plain'],
    ['TEXT/PLAIN; charset=utf-8', 'text/plain'],
    ['text/*', 'text/plain'],
    ['application/x-ndjson;q=0.5, text/plain;q=0.9', 'text/plain'],
    ['image/png, */*;q=0.1', 'application/x-ndjson'],
  ])('for %j takes %s', (accept, chosen) => {
    expect(chooseMediaType(accept, offered)).toBe(chosen);
  });

  it.each(['image/png', 'text/plain;q=0', 'nonsense'])('refuses %j', (accept) => {
    expect(() => chooseMediaType(accept, offered)).toThrow('is given as');
  });
});
