import type { JSX, TargetedEvent } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** The rows that are in view or close to it, and the room that all others take. */
interface VirtualRange {
  readonly first: number;
  /** The one after the last. */
  readonly end: number;
  /** Room for the rows before and after, in pixels. */
  readonly beforePx: number;
  readonly afterPx: number;
}

interface VirtualBoxProps {
  readonly count: number;
  /** Every row has this height, in pixels. */
  readonly rowHeight: number;
  readonly label: string;
  readonly class: string;
  /** Stays at the end as rows come, unless the reader has scrolled away from it. */
  readonly sticksToEnd?: boolean;
  /** What a row is known by: who has scrolled to it stays there as others come and go above. */
  readonly keyAt?: (index: number) => unknown;
  /** By what the box is known: who comes back to it finds it where it was left. */
  readonly place?: string;
  /** Told when the last row comes into view. */
  readonly onEnd?: () => void;
  readonly children: (range: VirtualRange) => JSX.Element;
}

const OVERSCAN = 8;

/** A row that has moved by more than this is not looked for. */
const MOVE_MAX = 5000;

/** Where boxes were left, in pixels, for as long as the page lives. */
const places = new Map<string, number>();

/** A box to scroll through any number of rows, of which only those in view are in the document. */
export function VirtualBox(props: VirtualBoxProps): JSX.Element {
  const { count, rowHeight, label, sticksToEnd = false, onEnd, keyAt, place, children } = props;
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const anchor = useRef<{ readonly index: number; readonly key: unknown }>(undefined);
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() =>
      setView((old) => ({ ...old, height: element.clientHeight })),
    );
    observer.observe(element);
    if (place !== undefined) element.scrollTop = places.get(place) ?? 0;
    return () => observer.disconnect();
  }, [place]);
  const first = Math.max(0, Math.min(count, Math.floor(view.top / rowHeight)) - OVERSCAN);
  const end = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN);
  useLayoutEffect(() => {
    if (count === 0 || !sticksToEnd || !isAtEnd.current || box.current === null) return;
    box.current.scrollTop = box.current.scrollHeight;
  }, [count, sticksToEnd]);
  useLayoutEffect(() => {
    const known = anchor.current;
    const isLeftAlone = known === undefined || (sticksToEnd && isAtEnd.current);
    if (isLeftAlone || keyAt === undefined || box.current === null) return;
    const index = findNear(known, { count, keyAt });
    // One that is gone is not looked for again.
    anchor.current = index === undefined ? undefined : { ...known, index };
    if (index === undefined || index === known.index) return;
    box.current.scrollTop += (index - known.index) * rowHeight;
  });
  useEffect(() => {
    if (end >= count) onEnd?.();
  }, [end, count, onEnd]);
  const onScroll = (event: TargetedEvent<HTMLElement>): void => {
    const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
    isAtEnd.current = scrollTop + clientHeight >= scrollHeight - rowHeight;
    const index = Math.floor(scrollTop / rowHeight);
    // At the top one wants to see what is new.
    anchor.current = index === 0 ? undefined : { index, key: keyAt?.(index) };
    if (place !== undefined) places.set(place, scrollTop);
    setView({ top: scrollTop, height: clientHeight });
  };
  return (
    <section
      class={`virtual-box ${props.class}`}
      ref={box}
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must be able to scroll it
      tabIndex={0}
      onScroll={onScroll}
    >
      {children({
        first,
        end,
        beforePx: first * rowHeight,
        afterPx: Math.max(0, count - end) * rowHeight,
      })}
    </section>
  );
}

/** Where the row with this key is now, at or near its old place; undefined where it is gone. */
function findNear(
  { index, key }: { readonly index: number; readonly key: unknown },
  rows: { readonly count: number; readonly keyAt: (index: number) => unknown },
): number | undefined {
  const isThere = (at: number): boolean => at >= 0 && at < rows.count && rows.keyAt(at) === key;
  for (let distance = 0; distance <= MOVE_MAX; distance += 1) {
    if (isThere(index + distance)) return index + distance;
    if (isThere(index - distance)) return index - distance;
  }
  return undefined;
}
