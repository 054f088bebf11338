import { isRecord } from './engine-error.ts';

interface Layer {
  readonly current: number;
  readonly total: number;
}

/**
 * Makes one line of words out of what an engine tells of a pull, layer by layer. How large the
 * layers are it tells only as it comes to them, so the number may stand still, but never sinks.
 */
export class PullProgress {
  readonly #image: string;
  readonly #layers = new Map<string, Layer>();
  #percent = 0;
  #hasSizes = false;

  constructor(image: string) {
    this.#image = image;
  }

  /** Takes one message in. */
  update(message: unknown): void {
    if (!isRecord(message)) return;
    const { id, status, progressDetail } = message;
    if (typeof id !== 'string' || typeof status !== 'string') return;
    const known = this.#layers.get(id);
    if (/^(Download complete|Verifying Checksum|Pull complete)/.test(status)) {
      if (known !== undefined) this.#layers.set(id, { ...known, current: known.total });
    } else if (status === 'Downloading' && isRecord(progressDetail)) {
      const { current, total } = progressDetail;
      if (typeof current === 'number' && typeof total === 'number' && total > 0) {
        this.#hasSizes = true;
        this.#layers.set(id, { current: Math.min(current, total), total });
      }
    }
    this.#count();
  }

  /** Such as "pulling nginx, 43 %". */
  get words(): string {
    const amount = this.#hasSizes ? `, ${this.#percent} %` : '';
    return `pulling ${this.#image}${amount}`;
  }

  #count(): void {
    let current = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    if (total > 0) this.#percent = Math.max(this.#percent, Math.floor((100 * current) / total));
  }
}
