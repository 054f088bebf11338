import type { JSX } from 'preact';
import { taskStates } from '../../task/task-state.ts';
import type { ClusterCopy } from '../model/cluster-copy.ts';
import {
  cubesPerColumn,
  largestPlaced,
  largestSide,
  type NodeColumn,
  toColumns,
} from '../model/node-columns.ts';
import { CubeList } from './cube-list.tsx';
import { useDashboard } from './dashboard-context.ts';
import { NodeState } from './node-state.tsx';
import { NodeUsage } from './node-usage.tsx';
import { StateBadge } from './state-badge.tsx';

/** More nodes than these stand closer, with their amounts for whoever points at a bar. */
const DENSE_COLUMN_COUNT = 6;

/** So many of those that wait are shown, lest the nodes come to lie below the page. */
const WAITING_COUNT_MAX = 40;

/** What runs where: nodes as columns, and their tasks as cubes in them. */
export function ClusterPage({ copy }: { readonly copy: ClusterCopy }): JSX.Element {
  const { at, bar } = useDashboard();
  const withCompleted = bar.address.value.query.get('completed') === 'shown';
  const nodes = copy.nodes.value;
  const rows = copy.tasks.rows.value;
  const { waiting, columns } = toColumns(nodes, rows, { withCompleted });
  const cubeCountMax = cubesPerColumn(columns.length + 1);
  const cubeCount = columns.reduce((sum, { tasks }) => sum + tasks.length, 0);
  const largest = { memory: largestPlaced(rows), side: largestSide(cubeCount) };
  const isDense = columns.length > DENSE_COLUMN_COUNT;
  return (
    <>
      <div class="page-head">
        <h1>Cluster</h1>
        <StateCounts copy={copy} />
        <label class="check">
          <input
            type="checkbox"
            checked={withCompleted}
            onChange={(event) =>
              bar.update({ completed: event.currentTarget.checked ? 'shown' : undefined })
            }
          />
          show completed
        </label>
      </div>
      {columns.length === 0 && (
        <p class="empty">
          {at.value === undefined
            ? 'No node has joined. Start a worker: “cube worker --manager …”.'
            : 'No node had joined by then.'}
        </p>
      )}
      {waiting.tasks.length > 0 && (
        <Column
          column={waiting}
          largest={largest}
          cubeCountMax={Math.min(WAITING_COUNT_MAX, cubeCountMax)}
        />
      )}
      <div class={`columns ${isDense ? 'is-dense' : ''}`}>
        {columns.map((column) => (
          <Column key={column.name} column={column} largest={largest} cubeCountMax={cubeCountMax} />
        ))}
      </div>
    </>
  );
}

/** How many tasks are in each state; each leads to their list. */
function StateCounts({ copy }: { readonly copy: ClusterCopy }): JSX.Element {
  const { bar } = useDashboard();
  const counts = new Map<string, number>();
  for (const { status } of copy.tasks.rows.value) {
    counts.set(status.state, (counts.get(status.state) ?? 0) + 1);
  }
  return (
    <ul class="counts" aria-label="Tasks by state">
      {taskStates.map((state) => (
        <li key={state}>
          <a class="count" href={bar.href(['tasks'], { state })}>
            <span class="count-number">{(counts.get(state) ?? 0).toLocaleString()}</span>{' '}
            <StateBadge state={state} />
          </a>
        </li>
      ))}
    </ul>
  );
}

interface ColumnProps {
  readonly column: NodeColumn;
  readonly largest: { readonly memory: number; readonly side: number };
  readonly cubeCountMax: number;
}

function Column({ column, largest, cubeCountMax }: ColumnProps): JSX.Element {
  const { bar } = useDashboard();
  const { node, name, tasks } = column;
  const isSilent = node !== undefined && node.liveness !== 'up';
  const shown = tasks.slice(0, cubeCountMax);
  const rest = tasks.length - shown.length;
  const more: Record<string, string> = node === undefined ? { state: 'pending' } : { node: name };
  return (
    <section class={`column ${node === undefined ? 'column-waiting' : ''}`} aria-label={name}>
      <header class="column-head">
        <h2>{node === undefined ? name : <a href={bar.href(['nodes', name])}>{name}</a>}</h2>
        {node === undefined ? (
          <span class="muted">waiting, or failed before it ran</span>
        ) : (
          <NodeState node={node} />
        )}
      </header>
      {node !== undefined && <NodeUsage node={node} />}
      {shown.length === 0 ? (
        <p class="muted">No task here.</p>
      ) : (
        <CubeList tasks={shown} label={`Tasks: ${name}`} largest={largest} isSilent={isSilent} />
      )}
      {rest > 0 && (
        <a class="more" href={bar.href(['tasks'], more)}>
          and {rest.toLocaleString()} more
        </a>
      )}
    </section>
  );
}
