/** A span of time in one or two units, short enough for a table: `5s`, `3m`, `2h`, `4d`. */
export function formatSpan(spanMs: number): string {
  const seconds = Math.max(0, Math.round(spanMs / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** How long before `now` (wall time in milliseconds) the moment `time` was. */
export function formatAge(time: string, now: number): string {
  return formatSpan(now - Date.parse(time));
}
