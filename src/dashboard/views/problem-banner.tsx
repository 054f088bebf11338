import type { ComponentChildren, JSX } from 'preact';
import type { CubeError } from '../../errors/cube-error.ts';

/** What went wrong, and what to do next. */
export function ProblemBanner({
  error,
  children,
}: {
  readonly error: CubeError;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="banner banner-problem" role="alert">
      <p>
        <strong>{error.message}</strong> {error.hint}
      </p>
      {children}
    </div>
  );
}
