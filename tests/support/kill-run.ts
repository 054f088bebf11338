import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type CubeClient,
  createCubeClient,
  type SubmissionInput,
} from '../../src/client/cube-client.ts';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { RequestHistory } from '../../src/simulation/linearizability/request-history.ts';
import { CubeProcess, clientOf, freePorts } from './cube-process.ts';
import { eventually } from './eventually.ts';

/** A manager and a worker as processes of their own, on one data directory, to be killed. */
export class KillRun implements AsyncDisposable {
  readonly directory: string;
  readonly manager: CubeProcess;
  readonly worker: CubeProcess;
  readonly port: number;
  /** All that was asked by the methods below, and what became of it. */
  readonly requests: RequestHistory = new RequestHistory();
  killCount = 0;

  private constructor(directory: string, ports: readonly [number, number]) {
    const [port, workerPort] = ports;
    this.directory = directory;
    this.port = port;
    const dataOf = (role: string): string => join(directory, role);
    this.manager = new CubeProcess([
      'manager',
      ...['--data-dir', dataOf('manager'), '--port', String(port)],
      ...['--workers', `127.0.0.1:${workerPort}`],
    ]);
    this.worker = new CubeProcess([
      'worker',
      ...['--data-dir', dataOf('worker'), '--port', String(workerPort)],
      ...['--cpu', '1000', '--memory', '1000GiB', '--name', 'n1'],
    ]);
  }

  static async start(directory: string): Promise<KillRun> {
    const [port = 0, workerPort = 0] = await freePorts(2);
    const run = new KillRun(directory, [port, workerPort]);
    run.manager.start();
    run.worker.start();
    await clientOf(port);
    return run;
  }

  get client(): CubeClient {
    return createCubeClient({ url: `http://127.0.0.1:${this.port}` });
  }

  /** Kills one of the two or both, in the middle of whatever they do, and starts them again. */
  async killOne(): Promise<void> {
    const choice = Math.floor(systemRandom.next() * 3);
    const victims = [this.manager, this.worker].filter(
      (_, index) => choice === 2 || choice === index,
    );
    await Promise.all(victims.map((victim) => victim.end('SIGKILL')));
    this.killCount += 1;
    for (const victim of victims) victim.start();
  }

  /**
   * Kills again and again until `stop` says so: every second time as things start, whatever has
   * come of that, and else at some moment of the work, however long the machine takes to get there.
   */
  async killUntil(stop: AbortSignal): Promise<void> {
    for (let turn = 0; !stop.aborted; turn += 1) {
      if (turn % 2 === 0) await eventually('the manager serves', () => this.#isServing(), 60_000);
      await pause(50 + systemRandom.next() * 500);
      if (!stop.aborted) await this.killOne();
    }
  }

  async #isServing(): Promise<boolean> {
    try {
      await this.client.status();
      return true;
    } catch (error) {
      if (isRetryable(error)) return false;
      throw error;
    }
  }

  /**
   * Submits until it is acknowledged, with the same id each time, as a client does that wants its
   * task whatever happens to the manager.
   */
  async submit(submission: SubmissionInput & { readonly id: string }): Promise<void> {
    const { client } = this;
    await eventually(
      `task ${submission.id} is acknowledged`,
      async () => {
        try {
          await this.requests.submit(submission.id, () => client.submit(submission));
          return true;
        } catch (error) {
          // Whether it was taken is unknown; the same id makes asking again safe.
          if (isRetryable(error)) return false;
          throw error;
        }
      },
      60_000,
    );
  }

  /** Looks at a task once, whether it is there or not, and whether there is an answer or not. */
  async look(id: string): Promise<void> {
    const { client } = this;
    try {
      await this.requests.read(id, () => client.get(id));
    } catch (error) {
      if (!isRetryable(error) && !isCubeError(error, 'not-found')) throw error;
    }
  }

  async stop(id: string): Promise<void> {
    const { client } = this;
    await this.requests.stop(id, () => client.stop(id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.manager.end('SIGKILL'), this.worker.end('SIGKILL')]);
  }
}

function isRetryable(error: unknown): boolean {
  return error instanceof Error && 'retryable' in error && error.retryable === true;
}

/** The starts that process tasks have noted by themselves: `task/attempt`, and their pid. */
export async function notedStarts(
  path: string,
): Promise<readonly { readonly attempt: string; readonly pid: number }[]> {
  const text = await readFile(path, 'utf8');
  return text.split('\n').flatMap((line) => {
    const [attempt, pid] = line.split(' ');
    return attempt === undefined || pid === undefined ? [] : [{ attempt, pid: Number(pid) }];
  });
}

/** Ends what a failed test has left running. Does nothing to what has ended. */
export async function killNoted(path: string): Promise<void> {
  for (const { attempt, pid } of await notedStarts(path)) {
    const [taskId = ''] = attempt.split('/');
    // The pid may be somebody else's by now; only the task's own environment proves it.
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.includes(`CUBE_TASK_ID=${taskId}`)) process.kill(pid, 'SIGKILL');
  }
}
