import type { Clock } from '../../../src/lib/clock.ts';
import { type PlantedBug, withMethods } from './planted-bug.ts';

/** A clock that shows how long something took by the difference of two wall times. */
const byWall = (clock: Clock): Clock => withMethods(clock, { monotonic: () => clock.now() });

/** A clock on which everything takes so much of the time that it truly takes. */
const atRate = (clock: Clock, rate: number): Clock =>
  withMethods(clock, {
    monotonic: () => clock.monotonic() * rate,
    setTimer: (delayMs, callback) => clock.setTimer(delayMs / rate, callback),
  });

export const clockBugs: readonly PlantedBug[] = [
  {
    name: 'durations by the wall clock: the manager takes a step of its clock for time that passed',
    checks: ['counts', 'alive', 'quiesce', 'work-conserving'],
    seedCountMax: 20,
    plant: () => ({ managerClock: byWall }),
  },
  {
    name: 'fast clock: on the manager a second passes in ten milliseconds',
    checks: ['counts', 'alive', 'bounded'],
    seedCountMax: 3,
    plant: () => ({ managerClock: (clock) => atRate(clock, 100) }),
  },
  {
    name: 'fast clock: on the workers a second passes in ten milliseconds',
    checks: ['grace', 'counts'],
    seedCountMax: 10,
    plant: () => ({ workerClock: (clock) => atRate(clock, 100) }),
  },
  {
    name: 'slow clock: on the workers a second takes a minute and a half',
    checks: ['quiesce', 'stop-wins', 'no-unknown', 'running-true'],
    seedCountMax: 5,
    plant: () => ({ workerClock: (clock) => atRate(clock, 0.01) }),
  },
];
