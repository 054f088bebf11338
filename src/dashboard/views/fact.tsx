import type { ComponentChildren, JSX } from 'preact';

/** A name and what is to be said of it; nothing where there is nothing to say. */
export function Fact(props: {
  readonly name: string;
  readonly children?: ComponentChildren;
}): JSX.Element | null {
  const { name, children } = props;
  const isEmpty = children === undefined || children === '' || children === false;
  if (isEmpty) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
