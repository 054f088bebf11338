import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { assert } from '../../lib/assert.ts';
import type { Dashboard } from '../model/dashboard.ts';

/** Gives every view the one dashboard. */
export const DashboardContext = createContext<Dashboard | undefined>(undefined);

export function useDashboard(): Dashboard {
  const dashboard = useContext(DashboardContext);
  assert(dashboard !== undefined, 'every view stands within a dashboard');
  return dashboard;
}
