import type { Moment } from '../client/cube-client.ts';

/** Which moment was meant, in local time: `2030-01-31 03:00:00`, or `revision 1234`. */
export function describeMoment(moment: Moment): string {
  if (typeof moment === 'number') return `revision ${moment}`;
  const time = new Date(moment);
  const two = (count: number): string => String(count).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}
