import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Unavailable } from '../suite/part.ts';
import type { Burst } from '../support/burst.ts';
import { LineChild } from '../support/line-child.ts';

const SOURCE = join(import.meta.dirname, 'bbolt');

/** As the program in `bbolt/` answers. */
interface Reply {
  readonly Rate: number;
  readonly P50: number;
  readonly P99: number;
  readonly Ms: number;
  readonly Count: number;
  readonly Bytes: number;
}

/** The book's task store over bbolt, in a process of its own. */
export class BboltPeer implements AsyncDisposable {
  readonly #child: LineChild;

  private constructor(child: LineChild) {
    this.#child = child;
  }

  /**
   * Builds and starts the program, and opens a new file with the tasks in it.
   *
   * @throws Unavailable, when Go or bbolt are not there.
   */
  static async open(options: {
    readonly directory: string;
    readonly template: string;
    readonly load: Readonly<Record<string, number>>;
  }): Promise<BboltPeer> {
    const { directory, template, load } = options;
    const program = join(directory, 'bbolt-peer');
    const built = spawnSync('go', ['build', '-o', program, '.'], {
      cwd: SOURCE,
      env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' },
      encoding: 'utf8',
    });
    if (built.status !== 0) {
      throw new Unavailable(
        `Go or bbolt is not here (apt-get install golang-go golang-github-coreos-bbolt-dev): ${built.error?.message ?? built.stderr}`,
      );
    }
    const peer = new BboltPeer(new LineChild(program, []));
    const { Bytes } = await peer.#ask({
      op: 'open',
      path: join(directory, 'tasks.bbolt'),
      template,
    });
    if (Bytes !== template.length) {
      throw new Error(`Its task takes ${Bytes} bytes, and ours ${template.length}.`);
    }
    for (const [bucket, count] of Object.entries(load)) {
      await peer.#ask({ op: 'load', bucket, count });
    }
    return peer;
  }

  put(callers: number, ms: number, mode: 'book' | 'batch'): Promise<Burst> {
    return this.#burst({ op: 'put', bucket: 'tasks', callers, ms, batch: mode === 'batch' });
  }

  get(callers: number, ms: number): Promise<Burst> {
    return this.#burst({ op: 'get', bucket: 'tasks', callers, ms });
  }

  /** In milliseconds. */
  async time(op: 'list' | 'count' | 'reopen', bucket: string): Promise<number> {
    return (await this.#ask({ op, bucket })).Ms;
  }

  async sizeBytes(): Promise<number> {
    return (await this.#ask({ op: 'size' })).Bytes;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }

  async #burst(request: object): Promise<Burst> {
    const { Rate, P50, P99 } = await this.#ask(request);
    return { rate: Rate, p50: P50, p99: P99 };
  }

  #ask(request: object): Promise<Reply> {
    return this.#child.ask<Reply>(request);
  }
}
