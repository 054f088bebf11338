import type { JSX, TargetedKeyboardEvent } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { formatBytes } from '../../task/quantity.ts';
import { cubeSide } from '../model/node-columns.ts';
import type { TaskRow } from '../model/task-row.ts';
import { useDashboard } from './dashboard-context.ts';
import { type ShownState, stateLetters } from './state-badge.tsx';

/** From this side on, in pixels, some letters of its name fit on a cube. */
const NAMED_SIDE_MIN = 48;

/**
 * Tasks as cubes. The whole list is one stop of the Tab key; within it the arrow keys lead from
 * cube to cube.
 */
export function CubeList(props: {
  readonly tasks: readonly TaskRow[];
  readonly label: string;
  readonly largest: Parameters<typeof cubeSide>[1];
  /** Nothing is known of what runs there. */
  readonly isSilent: boolean;
}): JSX.Element {
  const { tasks, label, largest, isSilent } = props;
  const list = useRef<HTMLUListElement>(null);
  const [active, setActive] = useState(0);
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLUListElement>): void => {
    const next = nextIndex(event.key, Math.min(active, tasks.length - 1), tasks.length);
    if (next === undefined) return;
    event.preventDefault();
    setActive(next);
    list.current?.querySelectorAll('a')[next]?.focus();
  };
  return (
    <ul class="cubes" aria-label={label} ref={list} onKeyDown={onKeyDown}>
      {tasks.map((task, index) => (
        <Cube
          key={task.id}
          task={task}
          side={cubeSide(task.memory, largest)}
          isSilent={isSilent}
          isStop={index === Math.min(active, tasks.length - 1)}
          onFocus={() => setActive(index)}
        />
      ))}
    </ul>
  );
}

function Cube(props: {
  readonly task: TaskRow;
  readonly side: number;
  readonly isSilent: boolean;
  readonly isStop: boolean;
  readonly onFocus: () => void;
}): JSX.Element {
  const { task, side, isSilent, isStop, onFocus } = props;
  const { bar } = useDashboard();
  const { state, health } = task.status;
  const isPlaced = state === 'running' || state === 'scheduled';
  const shown: ShownState = isSilent && isPlaced ? 'unknown' : state;
  const ill = health === 'unhealthy' ? ', unhealthy' : '';
  const memory = task.memory === 0 ? 'no memory reserved' : formatBytes(task.memory);
  const words = `${task.name}, ${shown}${ill}, ${memory}`;
  return (
    <li>
      <a
        class={`cube state-${shown}${ill === '' ? '' : ' is-unhealthy'}`}
        style={{ '--side': `${side}px` }}
        href={bar.href(['tasks', task.id])}
        title={words}
        tabIndex={isStop ? 0 : -1}
        onFocus={onFocus}
      >
        <span aria-hidden="true">{stateLetters[shown]}</span>
        {side >= NAMED_SIDE_MIN && (
          <span class="cube-name" aria-hidden="true">
            {task.name}
          </span>
        )}
        <span class="unseen">{words}</span>
      </a>
    </li>
  );
}

/** Where an arrow key leads; undefined for other keys. */
function nextIndex(key: string, index: number, count: number): number | undefined {
  if (key === 'ArrowRight' || key === 'ArrowDown') return Math.min(count - 1, index + 1);
  if (key === 'ArrowLeft' || key === 'ArrowUp') return Math.max(0, index - 1);
  if (key === 'Home') return 0;
  return key === 'End' ? count - 1 : undefined;
}
