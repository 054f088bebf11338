import { systemClock } from '../../lib/clock.ts';

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });

const full = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'medium',
  hourCycle: 'h23',
});

/** The time of day where the reader is. */
export function formatClock(time: string): string {
  return clock.format(Date.parse(time));
}

/** Day and time where the reader is. */
export function formatMoment(time: string): string {
  return full.format(Date.parse(time));
}

/** The time of day, with the day where it is not today. */
export function formatRecent(time: string, nowMs: number = systemClock.now()): string {
  const isToday = new Date(time).toDateString() === new Date(nowMs).toDateString();
  return isToday ? formatClock(time) : formatMoment(time);
}
