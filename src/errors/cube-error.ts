import { type ErrorCode, errorCodes } from './error-codes.ts';

/** One thing that is wrong with an input. */
export interface InputIssue {
  /** Where, as a dotted path: `ports[1].host`. Empty for the whole. */
  readonly field: string;
  /** What came, shortened to 80 characters and escaped. */
  readonly got: string;
  /** What is wanted, in words. */
  readonly want: string;
  /** A value that would do. */
  readonly example?: string;
}

export interface CubeErrorOptions {
  readonly cause?: unknown;
  /** Only for `invalid-input`: every field that is wrong. */
  readonly issues?: readonly InputIssue[];
  /** What to try next, as one sentence for a person. */
  readonly hint?: string;
}

/**
 * The one error class of Cube. `message` is a sentence for a person, `code` is for programs:
 * HTTP status and exit code are looked up from it at the edges.
 */
export class CubeError extends Error {
  override readonly name: string = 'CubeError';
  readonly code: ErrorCode;
  readonly issues: readonly InputIssue[];
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: CubeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.issues = options.issues ?? [];
    this.hint = options.hint;
  }

  /** Whether the same request may succeed later without being changed. */
  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }
}

/** Whether `error` is a `CubeError`, with this code if one is given. */
export function isCubeError(error: unknown, code?: ErrorCode): error is CubeError {
  return error instanceof CubeError && (code === undefined || error.code === code);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
