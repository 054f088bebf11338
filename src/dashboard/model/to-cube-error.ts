import { CubeError, isCubeError, messageOf } from '../../errors/cube-error.ts';

/** What was thrown as an error with a code; all that is not one is a bug of the page. */
export function toCubeError(thrown: unknown): CubeError {
  // The words of the command line are for who is to start a manager; this page came from one.
  if (isCubeError(thrown, 'unreachable')) {
    return new CubeError('unreachable', 'The manager does not answer.', {
      cause: thrown,
      hint: 'This page goes on by itself when it does.',
    });
  }
  if (isCubeError(thrown)) return thrown;
  return new CubeError('internal', messageOf(thrown), { cause: thrown });
}
