import { Worker } from 'node:worker_threads';
import { CubeError, messageOf } from '../../errors/cube-error.ts';
import type { Logger } from '../../lib/logger.ts';
import { closedError } from '../store-rules.ts';
import type {
  RecordPage,
  StoreAnswer,
  StoreCall,
  StoreFault,
  StoreMessage,
  StoreRequest,
  ThreadOptions,
} from './store-message.ts';

/** The same module runs from the sources and from the build. */
const THREAD_URL = new URL(
  import.meta.url.endsWith('.ts') ? './sqlite-thread.ts' : './sqlite-thread.js',
  import.meta.url,
);

/** This side of the store's thread: calls go over, answers come back. */
export class ThreadLink {
  /** The data file. */
  readonly path: string;
  readonly #worker: Worker;
  readonly #logger: Logger;
  readonly #pending = new Map<number, PendingCall>();
  readonly #ended: Promise<void>;
  #lastId = 0;
  #isClosing = false;
  #fault: CubeError | undefined;
  #shortage: StoreFault | undefined;

  private constructor(worker: Worker, path: string, logger: Logger) {
    this.#worker = worker;
    this.path = path;
    this.#logger = logger;
    worker.on('message', (message: StoreMessage) => this.#onMessage(message));
    worker.on('error', (error) => this.#onEnd(messageOf(error)));
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#onEnd('its thread ended');
        resolve();
      });
    });
    // The store alone does not keep the process alive; a call that waits for it does.
    worker.unref();
  }

  /** Starts the thread, which opens the data file. @throws CubeError what the file is refused for */
  static async start(options: ThreadOptions, logger: Logger): Promise<ThreadLink> {
    const worker = new Worker(THREAD_URL, {
      name: 'cube-store',
      workerData: options,
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    await new Promise<void>((resolve, reject) => {
      const onExit = (): void => reject(new Error('Broken belief: the thread of a store answers'));
      worker.once('error', reject);
      worker.once('exit', onExit);
      worker.once('message', (message: StoreMessage) => {
        worker.off('error', reject);
        worker.off('exit', onExit);
        if (message.kind === 'refused') reject(toCubeError(message.fault));
        else resolve();
      });
    });
    return new ThreadLink(worker, options.path, logger);
  }

  /** Why no call can be answered any more, once that is so. */
  get fault(): CubeError | undefined {
    return this.#fault;
  }

  /** Why new work should wait. */
  get shortage(): CubeError | undefined {
    return this.#shortage === undefined ? undefined : toCubeError(this.#shortage);
  }

  /**
   * @param onPart is given the first records of a long list as they come, before the answer.
   * @throws CubeError as the thread answers
   */
  call(call: StoreCall, onPart?: (page: RecordPage) => void): Promise<StoreAnswer> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    return this.#send(call, onPart);
  }

  /** Closes the data file and waits for the end of the thread. */
  async close(): Promise<void> {
    this.#isClosing = true;
    // Also after a fault: the file must be let go.
    await Promise.race([this.#send({ kind: 'close' }), this.#ended]);
    this.#worker.ref();
    await this.#ended;
  }

  #send(call: StoreCall, onPart?: (page: RecordPage) => void): Promise<StoreAnswer> {
    this.#lastId += 1;
    const request: StoreRequest = { id: this.#lastId, call };
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(request.id, { resolve, reject, onPart });
      this.#worker.postMessage(request);
    });
  }

  #onMessage(message: StoreMessage): void {
    if (message.kind === 'warning') this.#logger.warn(message.fields, message.message);
    if (message.kind === 'room') this.#shortage = message.shortage;
    if (message.kind === 'part') this.#pending.get(message.id)?.onPart?.(message.page);
    if (message.kind !== 'answer') return;
    const { id, answer } = message;
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker.unref();
    if (answer.kind !== 'failed') {
      call?.resolve(answer);
      return;
    }
    const error = toCubeError(answer.fault);
    if (answer.fault.isFatal) this.#fault ??= error;
    call?.reject(error);
  }

  /** The thread lives until it is closed; if it ends before, nobody knows what it last wrote. */
  #onEnd(why: string): void {
    this.#fault ??= this.#isClosing
      ? closedError()
      : new CubeError('storage-failed', `The store at ${this.path} stopped working: ${why}.`, {
          hint: 'Start again; whatever was acknowledged is in the file.',
        });
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of pending) call.reject(this.#fault);
  }
}

interface PendingCall {
  readonly resolve: (answer: StoreAnswer) => void;
  readonly reject: (error: unknown) => void;
  readonly onPart: ((page: RecordPage) => void) | undefined;
}

/** A fault as the error that it was. */
export function toCubeError({ code, message, hint }: StoreFault): CubeError {
  return new CubeError(code, message, hint === undefined ? {} : { hint });
}
