import type { Id, SendState } from './types.ts';

// What happened to a message after it was written. A mark is an edit, a deletion or a reaction; the message's present look is computed from its
// own words and its marks, so that an optimistic mark that fails can be taken off again, and the order of arrival does not matter.

/** One edit, deletion or reaction. seq is null until the place has ordered it. */
export type Mark = { readonly id: Id; readonly by: Id; readonly at: number; readonly seq: number | null } & (
  | { readonly what: 'edit'; readonly text: string; readonly mentions: readonly Id[] }
  | { readonly what: 'delete' }
  | { readonly what: 'react'; readonly emoji: string; readonly on: boolean }
);

/** A quiet line about a conversation. */
export interface Happening {
  readonly what:
    | 'created' | 'added' | 'removed' | 'left' | 'joined' | 'admin' | 'unadmin' | 'opened' | 'closed'
    | 'identity' | 'refused_manifest' | 'linked' | 'forked';
  readonly targets: readonly Id[];
}

/** A message as it is kept, before its marks are applied. */
export interface Body {
  sender: Id;
  device: Id;
  at: number;
  seq: number | null;
  kind: 'text' | 'event' | 'unreadable';
  text: string;
  replyTo: Id | null;
  mentions: readonly Id[];
  happening: Happening | null;
  /** Why it could not be opened. */
  code: string;
  marks: readonly Mark[];
  state: SendState | null;
  failure: string | null;
  late: boolean;
}

/** How a message looks now. */
export interface Look {
  text: string;
  mentions: readonly Id[];
  editedAt: number | null;
  deletedBy: Id | null;
  reactions: { emoji: string; by: Id[] }[];
}

/** The most that one message can carry of each kind of mark, so that nobody can make it grow without end. */
const mostMarks = 2000;

/** Whether the person may do this to the message: everybody reacts, authors edit, authors and channel admins delete. */
export function mayMark(body: Body, mark: Mark, admin: boolean): boolean {
  if (body.kind !== 'text') return false;
  if (mark.what === 'react') return true;
  return mark.by === body.sender || (mark.what === 'delete' && admin);
}

/** The message with a mark more; a mark known already gets its place in the order. Marks that a newer one has overruled are dropped. */
export function withMark(body: Body, mark: Mark): Body {
  const others = body.marks.filter((one) => one.id !== mark.id);
  const marks = [...others, mark].sort(inOrder).slice(-mostMarks);
  const kept = marks.filter((one, i) => one.seq === null || !marks.slice(i + 1).some((later) => later.seq !== null && overrules(later, one)));
  const gone = kept.some((one) => one.what === 'delete' && one.seq !== null);
  // What was taken back is really gone from this device, its reactions with it.
  if (gone) return { ...body, text: '', mentions: [], replyTo: null, marks: kept.filter((one) => one.what === 'delete').slice(0, 1) };
  return { ...body, marks: kept };
}

/** The message without a mark: its sending failed for good. */
export function withoutMark(body: Body, id: Id): Body {
  return { ...body, marks: body.marks.filter((one) => one.id !== id) };
}

/** What there is to see. */
export function look(body: Body): Look {
  const deleted = body.marks.find((one) => one.what === 'delete');
  if (deleted !== undefined) return { text: '', mentions: [], editedAt: null, deletedBy: deleted.by, reactions: [] };
  const edit = body.marks.findLast((one) => one.what === 'edit');
  return {
    text: edit?.text ?? body.text,
    mentions: edit?.mentions ?? body.mentions,
    editedAt: edit?.at ?? null,
    deletedBy: null,
    reactions: reactions(body.marks),
  };
}

function reactions(marks: readonly Mark[]): { emoji: string; by: Id[] }[] {
  const found = new Map<string, Set<Id>>();
  for (const mark of marks) {
    if (mark.what !== 'react') continue;
    const by = found.get(mark.emoji) ?? new Set<Id>();
    if (mark.on) by.add(mark.by);
    else by.delete(mark.by);
    found.set(mark.emoji, by);
  }
  return [...found].filter(([, by]) => by.size > 0).map(([emoji, by]) => ({ emoji, by: [...by] }));
}

// Marks that the place has not ordered yet come last, in the order in which they were made.
function inOrder(a: Mark, b: Mark): number {
  if (a.seq === null || b.seq === null) return (a.seq === null ? 1 : 0) - (b.seq === null ? 1 : 0) || a.at - b.at;
  return a.seq - b.seq;
}

function overrules(later: Mark, earlier: Mark): boolean {
  if (later.what === 'react' && earlier.what === 'react') return later.by === earlier.by && later.emoji === earlier.emoji;
  return later.what === 'edit' && earlier.what === 'edit';
}
