import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { keepTheme, readTheme, themes } from '../model/theme.ts';
import { useDashboard } from './dashboard-context.ts';

const pages = [
  ['cluster', 'Cluster'],
  ['tasks', 'Tasks'],
  ['nodes', 'Nodes'],
  ['events', 'Events'],
] as const;

/** Where one is, where one can go, and how the dashboard looks. */
export function TopBar({ page }: { readonly page: string }): JSX.Element {
  const { bar, session } = useDashboard();
  return (
    <header class="top-bar">
      <a class="brand" href={bar.href([])} aria-label="Cube, to the cluster">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path class="brand-top" d="M16 2 29 9 16 16 3 9z" />
          <path class="brand-left" d="M3 9 16 16v14L3 23z" />
          <path class="brand-right" d="M29 9 16 16v14l13-7z" />
        </svg>
        Cube
      </a>
      <nav aria-label="Pages">
        {pages.map(([path, title]) => (
          <a key={path} href={bar.href([path])} aria-current={page === path ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <div class="top-end">
        <ThemeButton />
        {session.hasToken && (
          <button type="button" onClick={() => session.leave()}>
            Forget token
          </button>
        )}
      </div>
    </header>
  );
}

/** Light or dark, as the system says or as one likes. */
function ThemeButton(): JSX.Element {
  const theme = useSignal(readTheme(window));
  const next = (): void => {
    const chosen = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? 'system';
    theme.value = chosen;
    keepTheme(window, chosen);
  };
  return (
    <button type="button" onClick={next} aria-label={`Colours: ${theme.value}. Change`}>
      <span aria-hidden="true">
        {theme.value === 'dark' ? '☾' : theme.value === 'light' ? '☀' : '◐'}
      </span>
    </button>
  );
}
