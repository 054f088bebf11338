import './platform.ts';
import './style/main.css';
import { render } from 'preact';
import { assert } from '../lib/assert.ts';
import { startDashboard } from './model/dashboard.ts';
import { applyTheme, readTheme } from './model/theme.ts';
import { App } from './views/app.tsx';
import { DashboardContext } from './views/dashboard-context.ts';

// Before anything is drawn, so that the page does not flash in other colours.
applyTheme(window, readTheme(window));

const root = document.getElementById('app');
assert(root !== null, 'the page has a place for the dashboard');
render(
  <DashboardContext.Provider value={startDashboard(window)}>
    <App />
  </DashboardContext.Provider>,
  root,
);
