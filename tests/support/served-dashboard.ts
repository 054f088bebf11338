import { readDashboard } from '../../src/cli/read-dashboard.ts';
import { createManagerServer } from '../../src/http/manager-server.ts';
import type { NodeView, TaskPage, TaskQuery } from '../../src/http/manager-service.ts';
import { noopLogger } from '../../src/lib/logger.ts';
import type { Task } from '../../src/task/task.ts';
import { FakeManagerService, TIME } from './fake-manager-service.ts';
import { taskIdOf, taskReplyOf } from './task-replies.ts';

/** A manager with as many tasks as wanted, called and labelled as no real one would let them be. */
export class ManyTasksService extends FakeManagerService {
  readonly nodes: NodeView[] = [];
  readonly #all: Task[] = [];

  override listNodes(): readonly NodeView[] {
    return this.nodes;
  }

  /** Adds a task that runs, whatever its name is. */
  addTask(name: string, labels: Record<string, string> = {}): Task {
    const number = this.#all.length + 1;
    const { spec } = taskReplyOf({ name: 'web', labels: {} });
    const task: Task = {
      id: taskIdOf(number),
      spec: { ...spec, name, labels },
      status: { state: 'running', desired: 'running', attempt: 1, restartCount: 0, node: 'node-1' },
      createdAt: TIME,
      createdRevision: number,
      revision: number,
    };
    this.#all.push(task);
    this.tasks.set(task.id, task);
    return task;
  }

  override async listTasks({ limit, cursor }: TaskQuery): Promise<TaskPage> {
    const from = Number(cursor ?? 0);
    const next = from + limit;
    return {
      items: this.#all.slice(from, next).map((task) => ({ task })),
      ...(next < this.#all.length ? { cursor: String(next) } : {}),
      revision: this.status().revision,
    };
  }
}

export interface ServedDashboard extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

/** The dashboard as it was built, over a service of the test's own. */
export async function serveDashboard(
  service: FakeManagerService,
  options: { readonly token?: string; readonly port?: number } = {},
): Promise<ServedDashboard> {
  const dashboard = await readDashboard();
  if (dashboard === undefined) throw new Error('The dashboard is not built: run "npm run build".');
  const server = await createManagerServer({
    service,
    logger: noopLogger,
    version: '0.0.0',
    hasProcessMetrics: false,
    doors: { token: options.token },
    dashboard,
  });
  const { url, port } = await server.listen({ host: '127.0.0.1', port: options.port ?? 0 });
  return { url, port, [Symbol.asyncDispose]: () => server.close() };
}
