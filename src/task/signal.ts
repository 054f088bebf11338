import { z } from 'zod';

/** Signals that can ask a program to end. */
const stopSignals = [
  'SIGTERM',
  'SIGINT',
  'SIGQUIT',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGKILL',
] as const;

export type StopSignal = (typeof stopSignals)[number];

export const signalSchema = z.enum(stopSignals, `one of ${stopSignals.join(', ')}`);
