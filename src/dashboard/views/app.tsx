import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { ClusterCopy } from '../model/cluster-copy.ts';
import { ClusterPage } from './cluster-page.tsx';
import { useDashboard } from './dashboard-context.ts';
import { EventsPage } from './events-page.tsx';
import { NodesPage } from './nodes-page.tsx';
import { ProblemBanner } from './problem-banner.tsx';
import { TaskPage } from './task-page.tsx';
import { TasksPage } from './tasks-page.tsx';
import { TimeBar } from './time-bar.tsx';
import { TokenPage } from './token-page.tsx';
import { TopBar } from './top-bar.tsx';

/** The whole page. */
export function App(): JSX.Element {
  const { bar, session, shown, problem, live } = useDashboard();
  const [page = 'cluster', ...rest] = bar.address.value.path;
  const copy = shown.value;
  useTitle(page, rest, copy);
  usePageStart([page, ...rest].join('/'));
  if (session.isRefused.value) return <TokenPage session={session} />;
  const error = problem.value;
  const status = live.value?.status.value;
  return (
    <>
      <button type="button" class="skip" onClick={skipToMain}>
        Skip to the content
      </button>
      <TopBar page={page} />
      <TimeBar />
      <main id="main" tabIndex={-1}>
        {error !== undefined && <ProblemBanner error={error} />}
        {status?.healthy === false && (
          <p class="banner banner-problem" role="alert">
            The manager cannot make changes durable. {status.problem}
          </p>
        )}
        {copy === undefined ? (
          error === undefined && <p class="empty">Reading …</p>
        ) : (
          <Page page={page} rest={rest} copy={copy} />
        )}
      </main>
    </>
  );
}

function Page(props: {
  readonly page: string;
  readonly rest: readonly string[];
  readonly copy: ClusterCopy;
}): JSX.Element {
  const { page, rest, copy } = props;
  const { bar } = useDashboard();
  const [first] = rest;
  if (page === 'cluster') return <ClusterPage copy={copy} />;
  if (page === 'tasks') {
    return first === undefined ? <TasksPage copy={copy} /> : <TaskPage id={first} copy={copy} />;
  }
  if (page === 'nodes') return <NodesPage copy={copy} name={first} />;
  if (page === 'events') return <EventsPage copy={copy} />;
  return (
    <p class="empty">
      There is no such page. <a href={bar.href(['cluster'])}>To the cluster</a>
    </p>
  );
}

/** Not a link, since the address names pages and not parts of them. */
function skipToMain(): void {
  document.getElementById('main')?.focus();
}

function useTitle(page: string, [first]: readonly string[], copy: ClusterCopy | undefined): void {
  const name = page === 'tasks' && first !== undefined ? copy?.tasks.get(first)?.name : first;
  const words = [...(name === undefined ? [] : [name]), page].join(' · ');
  useEffect(() => {
    document.title = `${words} · Cube`;
  }, [words]);
}

/** Another page begins at its top, for the eye and for whoever has it read aloud. */
function usePageStart(path: string): void {
  const last = useRef(path);
  useEffect(() => {
    if (last.current === path) return;
    last.current = path;
    window.scrollTo(0, 0);
    document.getElementById('main')?.focus({ preventScroll: true });
  }, [path]);
}
