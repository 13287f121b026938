/** Turns messages into the rows of a timeline: dividers, groups and the beginning. Pure, so that the rules can be tested without a browser. */
import type { Id, Message, Timeline } from '../../../model/types.ts';
import { dayNumber } from './times.ts';

/** How long after the message before it a message still continues its group, in milliseconds. */
export const GROUP_GAP = 5 * 60_000;

/** What a divider says about messages one has not read: how many, and when the last read one was written. */
export interface News {
  readonly count: number;
  readonly since: number | null;
}

export interface MessageRow {
  readonly kind: 'message';
  readonly key: string;
  readonly message: Message;
  /** It follows a message of the same group and repeats neither name nor face. */
  readonly continued: boolean;
  /** The next row continues this one. */
  readonly continues: boolean;
  /** It follows a divider. */
  readonly first: boolean;
}

export type Row =
  | MessageRow
  | { readonly kind: 'start'; readonly key: string }
  | { readonly kind: 'day'; readonly key: string; readonly at: number; readonly news: News | null }
  | { readonly kind: 'unread'; readonly key: string; readonly news: News };

/** The key of the row with the unread divider, alone or merged into the divider of its day. */
export const UNREAD_KEY = 'unread';

/** Same author, same day, close in time; a reply, a webhook, an event or what could not be opened stands alone. */
export function continuesGroup(before: Message | null, message: Message): boolean {
  if (before === null || before.kind !== 'text' || message.kind !== 'text' || message.replyTo !== null) return false;
  if (before.author.id !== message.author.id) return false;
  return Math.abs(message.at - before.at) < GROUP_GAP && dayNumber(message.at) === dayNumber(before.at);
}

type Slice = Pick<Timeline, 'messages' | 'hasOlder' | 'unreadFrom' | 'unreadCount'>;

/** The rows of a timeline, oldest first. */
export function rowsOf(timeline: Slice): Row[] {
  const rows: Row[] = timeline.hasOlder ? [] : [{ kind: 'start', key: 'start' }];
  let before: Message | null = null;
  for (const message of timeline.messages) {
    const divider = dividerBefore(before, message, timeline);
    if (divider !== null) rows.push(divider);
    const continued = divider === null && continuesGroup(before, message);
    if (continued) markContinues(rows);
    rows.push({ kind: 'message', key: message.id, message, continued, continues: false, first: divider !== null });
    before = message;
  }
  return rows;
}

function markContinues(rows: Row[]): void {
  const last = rows.at(-1);
  if (last?.kind === 'message') rows[rows.length - 1] = { ...last, continues: true };
}

/** One divider at most: where a new day and the first unread message fall together, the day's carries the news. */
function dividerBefore(before: Message | null, message: Message, timeline: Slice): Row | null {
  const news = newsAt(before, message, timeline);
  const newDay = before === null || dayNumber(before.at) !== dayNumber(message.at);
  if (newDay) return { kind: 'day', key: news === null ? `day-${dayNumber(message.at)}` : UNREAD_KEY, at: message.at, news };
  return news === null ? null : { kind: 'unread', key: UNREAD_KEY, news };
}

function newsAt(before: Message | null, message: Message, timeline: Slice): News | null {
  if (message.id !== timeline.unreadFrom || timeline.unreadCount <= 0) return null;
  return { count: timeline.unreadCount, since: before?.at ?? null };
}

/** Where a row stands, or -1. */
export function indexOfKey(rows: readonly Row[], key: Id): number {
  return rows.findIndex((row) => row.key === key);
}
