import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createCubeClient } from '../../../src/client/cube-client.ts';
import type { EventReply, Interruption } from '../../../src/client/event-stream.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { sendProblem, startHttpStub } from '../../support/http-stub.ts';
import { eventReplyOf, taskIdOf } from '../../support/task-replies.ts';

/** Real time, but pauses are over at once: only their order matters here. */
const hastyClock: Clock = {
  ...systemClock,
  setTimer: (delayMs, callback) => systemClock.setTimer(delayMs > 10_000 ? delayMs : 0, callback),
};

function sendEvents(response: ServerResponse, events: readonly EventReply[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(': hello\n\n');
  for (const event of events) {
    response.write(`id: ${event.revision}\ndata: ${JSON.stringify(event)}\n\n`);
  }
}

async function take(events: AsyncIterable<EventReply>, count: number): Promise<number[]> {
  const revisions: number[] = [];
  for await (const event of events) {
    revisions.push(event.revision);
    if (revisions.length === count) break;
  }
  return revisions;
}

describe('the stream of events', () => {
  test('goes on after the last event seen when the connection breaks, without a repeat', async () => {
    await using stub = await startHttpStub(({ url }, response) => {
      const after = Number(url.searchParams.get('after'));
      // Repeats the last one, as a server that counts otherwise might.
      const revisions = after === 4 ? [5, 6] : [after, after + 1, after + 2];
      sendEvents(
        response,
        revisions.filter((one) => one > 0).map((revision) => eventReplyOf({ revision })),
      );
      if (after < 8) setImmediate(() => response.destroy());
    });
    const interruptions: Interruption[] = [];
    const client = createCubeClient({ url: stub.url, clock: hastyClock });
    const options = {
      after: 4,
      taskId: taskIdOf(1),
      types: ['task-started', 'task-failed'] as const,
      onInterrupted: (one: Interruption) => interruptions.push(one),
    };
    expect(await take(client.events(options), 6)).toEqual([5, 6, 7, 8, 9, 10]);
    expect(interruptions.map(({ after }) => after)).toEqual([6, 8]);
    expect(stub.requests[0]?.url.search).toBe(
      `?after=4&task=${taskIdOf(1)}&type=task-started&type=task-failed`,
    );
  });

  test('says so when the events it would go on with are pruned', async () => {
    await using stub = await startHttpStub(({ url }, response) => {
      if (url.searchParams.get('after') === 'oldest') {
        sendEvents(response, [eventReplyOf({ revision: 1 })]);
        setImmediate(() => response.end());
        return;
      }
      sendProblem(response, { status: 410, code: 'pruned', detail: 'Events up to 90 are gone.' });
    });
    const client = createCubeClient({ url: stub.url, clock: hastyClock });
    const got = Array.fromAsync(client.events());
    await expect(got).rejects.toMatchObject({ code: 'pruned' });
  });

  test('ends with the newest event when it is not to follow', async () => {
    await using stub = await startHttpStub((_request, response) => {
      sendEvents(response, [eventReplyOf({ revision: 1 })]);
      response.end();
    });
    const client = createCubeClient({ url: stub.url, clock: hastyClock });
    expect(await take(client.events({ follow: false }), 9)).toEqual([1]);
    expect(stub.requests.map(({ url }) => url.search)).toEqual(['?after=oldest&follow=false']);
  });

  test('gives the reason for which the manager ends it', async () => {
    await using stub = await startHttpStub((_request, response) => {
      sendEvents(response, []);
      const problem = { type: 'a', title: 'b', status: 410, detail: 'Gone.', code: 'pruned' };
      response.write(`event: problem\ndata: ${JSON.stringify(problem)}\n\n`);
    });
    const client = createCubeClient({ url: stub.url, clock: hastyClock });
    await expect(take(client.events(), 1)).rejects.toMatchObject({ code: 'pruned' });
  });

  test('fails at once when the first connection does', async () => {
    const stub = await startHttpStub(() => undefined);
    await stub[Symbol.asyncDispose]();
    const client = createCubeClient({ url: stub.url, clock: hastyClock });
    await expect(take(client.events(), 1)).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('passes over types that only a newer version knows, and news without a revision', async () => {
    await using stub = await startHttpStub((_request, response) => {
      sendEvents(response, []);
      response.write('event: closing\ndata: {"type":"task-started"}\n\n');
      response.write('id: 3\ndata: {"type":"task-teleported"}\n\n');
      response.write(`id: 4\ndata: ${JSON.stringify(eventReplyOf({ revision: 4 }))}\n\n`);
    });
    const client = createCubeClient({ url: stub.url, clock: hastyClock });
    expect(await take(client.events(), 1)).toEqual([4]);
  });

  test('ends with the reason of the signal', async () => {
    const abort = new AbortController();
    await using stub = await startHttpStub((_request, response) => {
      sendEvents(response, []);
      setImmediate(() => abort.abort(new Error('enough')));
    });
    const client = createCubeClient({ url: stub.url, clock: hastyClock });
    await expect(take(client.events({ signal: abort.signal }), 1)).rejects.toThrow('enough');
  });

  test('gives up on an event that is no event', async () => {
    await using stub = await startHttpStub((_request, response) => {
      sendEvents(response, []);
      response.write('id: 4\ndata: {"type":"task-started","revision":"four"}\n\n');
    });
    const client = createCubeClient({ url: stub.url, clock: hastyClock });
    const seen: (Interruption | undefined)[] = [];
    const abort = new AbortController();
    const onInterrupted = (one: Interruption): void => {
      seen.push(one);
      abort.abort();
    };
    await expect(take(client.events({ signal: abort.signal, onInterrupted }), 1)).rejects.toThrow();
    expect(seen[0]?.error).toMatchObject({ code: 'bad-reply' });
  });
});
