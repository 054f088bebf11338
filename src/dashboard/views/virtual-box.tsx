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
  /** Told when the last row comes into view. */
  readonly onEnd?: () => void;
  readonly children: (range: VirtualRange) => JSX.Element;
}

const OVERSCAN = 8;

/** A box to scroll through any number of rows, of which only those in view are in the document. */
export function VirtualBox(props: VirtualBoxProps): JSX.Element {
  const { count, rowHeight, label, sticksToEnd = false, onEnd, children } = props;
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() =>
      setView((old) => ({ ...old, height: element.clientHeight })),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.min(count, Math.floor(view.top / rowHeight)) - OVERSCAN);
  const end = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN);
  useLayoutEffect(() => {
    if (count === 0 || !sticksToEnd || !isAtEnd.current || box.current === null) return;
    box.current.scrollTop = box.current.scrollHeight;
  }, [count, sticksToEnd]);
  useEffect(() => {
    if (end >= count) onEnd?.();
  }, [end, count, onEnd]);
  const onScroll = (event: TargetedEvent<HTMLElement>): void => {
    const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
    isAtEnd.current = scrollTop + clientHeight >= scrollHeight - rowHeight;
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
