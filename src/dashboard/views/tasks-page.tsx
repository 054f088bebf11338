import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { formatBytes } from '../../task/quantity.ts';
import type { ClusterCopy } from '../model/cluster-copy.ts';
import { countOf } from '../model/count-of.ts';
import { formatMoment } from '../model/format-time.ts';
import {
  parseSelection,
  selectTasks,
  type TaskSelection,
  type TaskSortKey,
} from '../model/select-tasks.ts';
import type { TaskRow } from '../model/task-row.ts';
import { useDashboard } from './dashboard-context.ts';
import { StateBadge } from './state-badge.tsx';
import { TaskFilters } from './task-filters.tsx';
import { VirtualBox } from './virtual-box.tsx';

const ROW_HEIGHT = 44;

/** Every task: searched, filtered and sorted right here. */
export function TasksPage({ copy }: { readonly copy: ClusterCopy }): JSX.Element {
  const { bar } = useDashboard();
  const selection = parseSelection(bar.address.value.query);
  const all = copy.tasks.rows.value;
  const found = useSelected(all, selection);
  const nodes = copy.nodes.value;
  const silent = new Set(nodes.filter(({ liveness }) => liveness !== 'up').map(({ name }) => name));
  return (
    <>
      <div class="page-head">
        <h1>Tasks</h1>
        <output class="muted">
          {found.length === all.length
            ? countOf(all.length, 'task')
            : `${found.length.toLocaleString()} of ${countOf(all.length, 'task')}`}
          {copy.isComplete.value ? '' : ', reading more …'}
        </output>
      </div>
      <TaskFilters selection={selection} nodes={nodes.map(({ name }) => name)} />
      {found.length === 0 ? (
        <p class="empty">{all.length === 0 ? 'There is no task.' : 'No task fits.'}</p>
      ) : (
        <VirtualBox
          class="table-box"
          label="Tasks"
          count={found.length}
          rowHeight={ROW_HEIGHT}
          place={`tasks?${bar.address.value.query}`}
        >
          {(range) => (
            <table aria-rowcount={found.length + 1}>
              <TableHead selection={selection} />
              <tbody>
                <Gap heightPx={range.beforePx} />
                {found.slice(range.first, range.end).map((row, offset) => (
                  <TableRow
                    key={row.id}
                    row={row}
                    index={range.first + offset}
                    isSilent={row.status.node !== undefined && silent.has(row.status.node)}
                  />
                ))}
                <Gap heightPx={range.afterPx} />
              </tbody>
            </table>
          )}
        </VirtualBox>
      )}
    </>
  );
}

/** Stands for the rows that are not in the document. */
function Gap({ heightPx }: { readonly heightPx: number }): JSX.Element | null {
  return heightPx === 0 ? null : <tr style={{ height: `${heightPx}px` }} />;
}

/** Looks through all tasks again only when they, or what is looked for, have changed. */
function useSelected(all: readonly TaskRow[], selection: TaskSelection): readonly TaskRow[] {
  const last = useRef<
    | {
        readonly all: readonly TaskRow[];
        readonly key: string;
        readonly found: readonly TaskRow[];
      }
    | undefined
  >(undefined);
  const key = JSON.stringify(selection);
  if (last.current?.all !== all || last.current.key !== key) {
    last.current = { all, key, found: selectTasks(all, selection) };
  }
  return last.current.found;
}

const columns: readonly (readonly [key: TaskSortKey, title: string])[] = [
  ['name', 'Name'],
  ['state', 'State'],
  ['node', 'Node'],
  ['memory', 'Memory'],
  ['restarts', 'Restarts'],
  ['created', 'Submitted'],
];

function TableHead({ selection }: { readonly selection: TaskSelection }): JSX.Element {
  const { bar } = useDashboard();
  const { sort, isDescending } = selection;
  const sortBy = (key: TaskSortKey): void => {
    const isTurned = key === sort ? !isDescending : key !== 'name' && key !== 'node';
    bar.update({ sort: `${isTurned ? '-' : ''}${key}` });
  };
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map(([key, title]) => (
          <th
            key={key}
            scope="col"
            class={`cell-${key}`}
            aria-sort={key !== sort ? 'none' : isDescending ? 'descending' : 'ascending'}
          >
            <button type="button" class="sort" onClick={() => sortBy(key)}>
              {title}
              <span aria-hidden="true">{key !== sort ? '' : isDescending ? ' ↓' : ' ↑'}</span>
            </button>
          </th>
        ))}
      </tr>
    </thead>
  );
}

function TableRow(props: {
  readonly row: TaskRow;
  readonly index: number;
  readonly isSilent: boolean;
}): JSX.Element {
  const { row, index, isSilent } = props;
  const { bar } = useDashboard();
  const { status } = row;
  const isPlaced = status.state === 'running' || status.state === 'scheduled';
  return (
    <tr class="task-row" aria-rowindex={index + 2}>
      <td class="cell-name">
        <a href={bar.href(['tasks', row.id])}>{row.name}</a>
        <span class="muted program"> {row.program}</span>
      </td>
      <td class="cell-state">
        <StateBadge state={isSilent && isPlaced ? 'unknown' : status.state} />
        {status.health === 'unhealthy' && <span class="ill"> unhealthy</span>}
        {status.reason !== undefined && status.state !== 'completed' && (
          <span class="muted why" title={status.reason.message}>
            {' '}
            {status.reason.message}
          </span>
        )}
      </td>
      <td class="cell-node">{status.node ?? '–'}</td>
      <td class="cell-memory">{row.memory === 0 ? '–' : formatBytes(row.memory)}</td>
      <td class="cell-restarts">{status.restartCount}</td>
      <td class="cell-created">{formatMoment(row.createdAt)}</td>
    </tr>
  );
}
