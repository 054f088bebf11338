/** What one health check found. */
export interface ProbeResult {
  readonly healthy: boolean;
  /** What was found, as part of a sentence: `HTTP 500`, `connection refused`. */
  readonly detail: string;
}

export interface ProbeTarget {
  /** An address of this machine. */
  readonly host: string;
  readonly port: number;
}

/** The way from a worker to a port of one of its own tasks. */
export interface Prober {
  /**
   * Asks once for `path`. Redirects are not followed, and the body is not looked at. Never throws
   * for what the task does; an abort is reported as not healthy.
   */
  http(target: ProbeTarget, path: string, signal: AbortSignal): Promise<ProbeResult>;

  /** Opens a connection and closes it. */
  tcp(target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult>;
}
