import { CubeError, isCubeError, messageOf } from '../../errors/cube-error.ts';

/** What was thrown as an error with a code; all that is not one is a bug of the page. */
export function toCubeError(thrown: unknown): CubeError {
  if (isCubeError(thrown)) return thrown;
  return new CubeError('internal', messageOf(thrown), { cause: thrown });
}
