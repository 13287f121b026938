/** Times as people read them. All take Unix milliseconds and the reader's own zone and regional habits. */

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const yearFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const shortFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** "08:10", or "8:10 AM" where people write it so. */
export function clock(at: number): string {
  return clockFormat.format(at);
}

/** The clock without AM or PM, narrow enough for the gutter of a continued row. */
export function shortClock(at: number): string {
  const parts = clockFormat.formatToParts(at).filter((part) => part.type !== 'dayPeriod');
  return parts.map((part) => part.value).join('').trim();
}

/** Day and time in full, for tooltips and screen readers. */
export function fullTime(at: number): string {
  return fullFormat.format(at);
}

/** What a time element's datetime attribute takes. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** A number that is the same for two times exactly when they fall on the same day of the reader's calendar, and grows by the day. */
export function dayNumber(at: number): number {
  const date = new Date(at);
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000);
}

/** "Today", "Yesterday", "Thursday 2 October", and with the year once it is another one. */
export function dayLabel(at: number, now: number): string {
  const days = dayNumber(now) - dayNumber(at);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? dayFormat.format(at) : yearFormat.format(at);
}

/** The end of "3 new since …": the clock today, otherwise the day. */
export function sinceLabel(at: number, now: number): string {
  const days = dayNumber(now) - dayNumber(at);
  if (days <= 0) return clock(at);
  return days === 1 ? 'yesterday' : dayLabel(at, now);
}

/** The time at the end of a row in the list of chats. */
export function listTime(at: number, now: number): string {
  const days = dayNumber(now) - dayNumber(at);
  if (days <= 0) return clock(at);
  if (days === 1) return 'Yesterday';
  if (days < 7) return weekdayFormat.format(at);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? shortFormat.format(at) : yearFormat.format(at);
}
