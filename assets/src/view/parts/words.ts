import type { Presence } from '../../model/types.ts';

/** Presence in words, for screen readers and captions: shape and colour never say it alone. */
export const presenceWords: Record<Presence, string> = { online: 'Online', away: 'Away', offline: 'Offline' };

/** "1 person", "3 people". */
export function peopleWords(count: number): string {
  return count === 1 ? '1 person' : `${count.toLocaleString()} people`;
}

const dayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long' });

/** "11 October": the day an invitation ends. at is Unix milliseconds. */
export function dayWords(at: number): string {
  return dayFormat.format(at);
}
