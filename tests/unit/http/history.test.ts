import { expect, test } from 'vitest';
import { serveManager } from '../../support/served-manager.ts';

type Served = Awaited<ReturnType<typeof serveManager>>;

const json = { 'content-type': 'application/json' };

async function submit(served: Served, name: string): Promise<void> {
  const body = JSON.stringify({ name, command: 'sleep', env: { TOKEN: { secret: 'hunter2' } } });
  const { status } = await served.ask({ method: 'POST', target: '/tasks', headers: json, body });
  expect(status).toBe(201);
}

async function get(served: Served, target: string) {
  const { status, text } = await served.ask({ method: 'GET', target });
  return { status, body: JSON.parse(text) };
}

test('tasks, nodes and their difference can be asked for at a revision or a time', async () => {
  await using served = await serveManager();
  await submit(served, 'one');
  const { revision } = served.manager.status();
  const time = new Date(served.clock.now()).toISOString();
  await served.clock.advance(60_000);
  await submit(served, 'two');

  for (const at of [revision, time]) {
    const { body } = await get(served, `/tasks?at=${at}`);
    expect(body.items.map((task: { spec: { name: string } }) => task.spec.name)).toEqual(['one']);
    expect(body.revision).toBe(revision);
    expect((await get(served, `/nodes?at=${at}`)).body).toEqual({ items: [], revision });
  }
  const { body } = await get(served, `/diff?from=${time}`);
  expect(body).toMatchObject({ from: revision, changedTaskCount: 1, nodes: [] });
  expect(body.tasks).toEqual([{ to: expect.objectContaining({ revision: body.to }) }]);
  const { id } = body.tasks[0].to;
  expect((await get(served, `/tasks/${id}?at=${body.to}`)).status).toBe(200);
  expect((await get(served, `/tasks/${id}?at=${revision}`)).status).toBe(404);
  // The past keeps secrets as the present does.
  expect(JSON.stringify([body, await get(served, `/tasks?at=${revision}`)])).not.toContain(
    'hunter2',
  );
});

test('events may begin after a time', async () => {
  await using served = await serveManager();
  await submit(served, 'one');
  const time = new Date(served.clock.now()).toISOString();
  await served.clock.advance(60_000);
  await submit(served, 'two');
  const target = `/events?follow=false&after=${time}`;
  const { text } = await served.ask({ method: 'GET', target });
  expect(text).toContain('"name":"two"');
  expect(text).not.toContain('"name":"one"');
});

test.each([
  '/tasks?at=yesterday',
  '/tasks?at=-1',
  '/tasks?at=2030-01-31',
  '/nodes?at=',
  '/diff',
  '/diff?from=1&to=x',
  '/events?after=noon',
])('%s is refused at its field', async (target) => {
  await using served = await serveManager();
  const { status, body } = await get(served, target);
  expect(status).toBe(400);
  expect(body.field).toMatch(/^(at|from|to|after)$/);
  expect(body.want).toContain('2030-01-31T03:00:00Z');
});

test('what was not yet is not found', async () => {
  await using served = await serveManager();
  expect((await get(served, '/tasks?at=999')).status).toBe(404);
});

test.each([
  ['{}', 'tasks'],
  ['{"tasks":[]}', 'tasks'],
  ['{"tasks":[{"name":"x"}]}', ''],
  ['{"tasks":[{"name":"x","command":"y","cpu":-1}]}', 'cpu'],
])('the plan %s is refused', async (body, field) => {
  await using served = await serveManager();
  const reply = await served.ask({ method: 'POST', target: '/plan', headers: json, body });
  expect(reply.status).toBe(400);
  expect(JSON.parse(reply.text).field ?? '').toContain(field);
});
