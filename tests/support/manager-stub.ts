import type { ServerResponse } from 'node:http';
import type { EventReply } from '../../src/client/event-stream.ts';
import type {
  ExplanationReply,
  ManagerStatusReply,
  NodeReply,
  TaskReply,
} from '../../src/link/replies.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import {
  type HttpStub,
  type StubRequest,
  sendJson,
  sendProblem,
  startHttpStub,
} from './http-stub.ts';
import { eventReplyOf, taskIdOf, taskReplyOf } from './task-replies.ts';

/** What a stubbed manager holds. A test sets it up, and changes it through `change`. */
export interface ManagerStub extends AsyncDisposable {
  readonly url: string;
  readonly requests: HttpStub['requests'];
  readonly tasks: Map<string, TaskReply>;
  /** Changes a task and tells the streams. */
  change(id: string, status: Partial<TaskReply['status']>): void;
  /** Ends every open stream, as a restart of the manager does. */
  cutStreams(): void;
}

export interface ManagerStubOptions {
  readonly tasks?: readonly TaskReply[];
  readonly nodes?: readonly NodeReply[];
  readonly events?: readonly EventReply[];
  /** After which revision its log begins. Default: 0, with everything. */
  readonly floor?: number;
  readonly explanation?: ExplanationReply;
  /** Lines of output, as NDJSON. */
  readonly logs?: string;
  /** Called once a task was submitted, and once one was asked to stop. */
  readonly onSubmit?: (task: TaskReply, stub: ManagerStub) => void;
  readonly onStop?: (task: TaskReply, stub: ManagerStub) => void;
}

/** A manager as far as commands can see one. */
export async function startManagerStub(options: ManagerStubOptions = {}): Promise<ManagerStub> {
  const tasks = new Map((options.tasks ?? []).map((task) => [task.id, task]));
  const streams = new Set<ServerResponse>();
  let revision = 100;
  const http = await startHttpStub((request, response) => answer(request, response));
  const stub: ManagerStub = {
    url: http.url,
    requests: http.requests,
    tasks,
    change(id, status) {
      const task = tasks.get(id);
      if (task === undefined) throw new Error(`There is no task ${id} here.`);
      revision += 1;
      tasks.set(id, { ...task, revision, status: { ...task.status, ...status } });
      for (const stream of streams) writeEvent(stream, eventReplyOf({ revision, taskId: id }));
    },
    cutStreams() {
      for (const stream of streams) stream.destroy();
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
  return stub;

  function answer(request: StubRequest, response: ServerResponse): void {
    const [, collection, id, part] = request.url.pathname.split('/');
    if (collection === 'nodes') sendJson(response, { items: options.nodes ?? [] });
    else if (collection === 'status') sendJson(response, statusReply(options.floor ?? 0));
    else if (collection === 'events') stream(request, response);
    else if (request.method === 'POST') submit(request, response);
    else if (id === undefined) list(request, response);
    else answerForTask(request, response, { id, part });
  }

  function answerForTask(
    request: StubRequest,
    response: ServerResponse,
    { id, part }: { readonly id: string; readonly part: string | undefined },
  ): void {
    const task = tasks.get(id);
    if (task === undefined) {
      const detail = `There is no task ${id}.`;
      sendProblem(response, { status: 404, code: 'not-found', detail });
    } else if (part === 'placement') sendJson(response, options.explanation);
    else if (part === 'logs') response.end(options.logs ?? '');
    else if (request.method === 'DELETE') {
      stub.change(id, { desired: 'stopped' });
      options.onStop?.(task, stub);
      sendJson(response, tasks.get(id));
    } else sendJson(response, task);
  }

  function submit(request: StubRequest, response: ServerResponse): void {
    const { id, ...spec } = JSON.parse(request.body);
    const known = tasks.get(id);
    if (known !== undefined) {
      sendJson(response, known);
      return;
    }
    const task = { ...taskReplyOf({}, { id }), spec: taskSpecSchema.parse(spec), revision };
    tasks.set(id, task);
    sendJson(response, task, 201);
    options.onSubmit?.(task, stub);
  }

  function list({ url }: StubRequest, response: ServerResponse): void {
    const name = url.searchParams.get('name');
    const states = url.searchParams.getAll('state');
    const items = [...tasks.values()].filter(
      (task) =>
        (name === null || task.spec.name === name) &&
        (states.length === 0 || states.includes(task.status.state)),
    );
    sendJson(response, { items, revision });
  }

  function stream({ url }: StubRequest, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
    for (const event of options.events ?? []) writeEvent(response, event);
    if (url.searchParams.get('follow') === 'false') {
      response.end();
      return;
    }
    // What changed before the stream was there.
    const after = Number(url.searchParams.get('after'));
    const inOrder = [...tasks.values()].sort((a, b) => a.revision - b.revision);
    for (const task of inOrder) {
      if (task.revision > after) {
        writeEvent(response, eventReplyOf({ revision: task.revision, taskId: task.id }));
      }
    }
    streams.add(response);
    response.on('close', () => streams.delete(response));
  }
}

function writeEvent(response: ServerResponse, event: EventReply): void {
  response.write(`id: ${event.revision}\ndata: ${JSON.stringify(event)}\n\n`);
}

function statusReply(floor: number): ManagerStatusReply {
  return {
    cluster: taskIdOf(1),
    epoch: 1,
    revision: 9,
    floor,
    store: 'persistent',
    storeBytes: 4096,
    scheduler: 'epvm',
    taskCounts: { pending: 0, scheduled: 0, running: 0, completed: 0, failed: 0 },
    nodeCount: 0,
    startedAt: '2026-01-02T03:04:05.000Z',
    version: '0.1.0',
    healthy: true,
  };
}
