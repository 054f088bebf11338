export const themes = ['system', 'light', 'dark'] as const;

export type Theme = (typeof themes)[number];

/** What a theme needs of a browser's window. */
export type ThemeWindow = Pick<Window, 'localStorage'> & {
  readonly document: { readonly documentElement: { readonly dataset: DOMStringMap } };
};

const THEME_KEY = 'cube-theme';

/** The theme that was chosen in this browser; the system's, where none was. */
export function readTheme({ localStorage }: ThemeWindow): Theme {
  return themes.find((one) => one === localStorage.getItem(THEME_KEY)) ?? 'system';
}

/** Shows the page in a theme. */
export function applyTheme({ document }: ThemeWindow, theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
}

/** Shows the page in a theme, in this tab and in those that are opened later. */
export function keepTheme(window: ThemeWindow, theme: Theme): void {
  window.localStorage.setItem(THEME_KEY, theme);
  applyTheme(window, theme);
}
