/** What one can jump to with a few letters. Pure. */
import type { Community, Conversation, Id, Person } from '../../model/types.ts';
import { rank, type Hit } from './lib/fuzzy.ts';

/** One line of the switcher. */
export type Target =
  | { readonly kind: 'conversation'; readonly key: Id; readonly name: string; readonly note: string; readonly conversation: Conversation }
  | { readonly kind: 'person'; readonly key: Id; readonly name: string; readonly note: string; readonly person: Person }
  | { readonly kind: 'community'; readonly key: Id; readonly name: string; readonly note: string; readonly community: Community };

/** Everything one can jump to: conversations, the newest first, then people one has no conversation with, then communities. */
export function targets(lately: readonly Conversation[], joinable: readonly Conversation[], people: readonly Person[], communities: readonly Community[]): readonly Target[] {
  const names = new Map(communities.map((community) => [community.id, community.name]));
  const written = new Set(lately.map((one) => one.peer?.id));
  const conversation = (one: Conversation, note: string): Target => ({ kind: 'conversation', key: one.id, name: one.name, note, conversation: one });
  return [
    ...lately.map((one) => conversation(one, one.peer === null ? (names.get(one.communityId ?? '') ?? '') : `@${one.peer.username}`)),
    ...people.filter((one) => !one.isMe && !written.has(one.id)).map((one): Target => ({ kind: 'person', key: one.id, name: one.name, note: `@${one.username}`, person: one })),
    ...joinable.map((one) => conversation(one, `${names.get(one.communityId ?? '') ?? ''} · not joined`)),
    ...communities.map((one): Target => ({ kind: 'community', key: one.id, name: one.name, note: 'Community', community: one })),
  ];
}

/** The best matches; without letters what is unread, then what was used lately. Names count more than notes. */
export function find(query: string, all: readonly Target[], limit: number): readonly { one: Target; hit: Hit }[] {
  const wanted = query.trim().replace(/^[#@]/u, '');
  if (wanted === '') return [...all].sort((a, b) => weight(b) - weight(a)).slice(0, limit).map((one) => ({ one, hit: { score: 0, at: [] } }));
  const named = rank(wanted, all, (one) => one.name);
  const found = new Set(named.map(({ one }) => one));
  const noted = rank(wanted, all.filter((one) => !found.has(one)), (one) => one.note).filter(({ hit }) => hit.score > 90);
  return [...named, ...noted.map(({ one }) => ({ one, hit: { score: 0, at: [] } }))].slice(0, limit);
}

function weight(target: Target): number {
  if (target.kind !== 'conversation') return 0;
  const { mentions, unread, muted, joined } = target.conversation;
  return mentions > 0 ? 3 : unread > 0 && !muted ? 2 : joined ? 1 : 0;
}
