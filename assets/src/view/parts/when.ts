const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long' });
const dateYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [
  [365 * day, 'year'],
  [30 * day, 'month'],
  [day, 'day'],
  [hour, 'hour'],
  [minute, 'minute'],
] as const;

/** "3 months ago", "yesterday", "just now". Both in Unix milliseconds. */
export function agoWords(at: number, now = Date.now()): string {
  const past = Math.max(0, now - at);
  for (const [size, unit] of steps) if (past >= size) return relative.format(-Math.floor(past / size), unit);
  return 'just now';
}

/** "today at 07:38", "12 October at 07:38", with the year when it is another one. */
export function momentWords(at: number, now = Date.now()): string {
  const then = new Date(at);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) return `today at ${clock.format(then)}`;
  return `${(then.getFullYear() === today.getFullYear() ? date : dateYear).format(then)} at ${clock.format(then)}`;
}
