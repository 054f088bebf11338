import type { Logger } from '../lib/logger.ts';
import type { ManagerRepository } from '../store/manager-repository.ts';

/** What the store takes, in bytes. Measuring it takes a moment, so that this is as of the last time. */
export class StoreSize {
  readonly #repository: Pick<ManagerRepository, 'sizeBytes'>;
  readonly #logger: Logger;
  #bytes = 0;

  constructor(repository: Pick<ManagerRepository, 'sizeBytes'>, logger: Logger) {
    this.#repository = repository;
    this.#logger = logger;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async measure(): Promise<void> {
    this.#bytes = await this.#repository.sizeBytes();
  }

  /** As `measure`, for who does not wait; a failure leaves what was known. */
  measureSoon(): void {
    this.measure().catch((error: unknown) => {
      this.#logger.debug({ err: error }, 'The store could not be measured.');
    });
  }
}
