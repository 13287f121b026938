/** The conversations one can go to, in the orders the screens show them. */
import { app } from '../../model/app.svelte.ts';
import type { Community, Conversation, Id } from '../../model/types.ts';
import { undo } from './undo.svelte.ts';

class Places {
  readonly channels: readonly Conversation[] = $derived(app.communities.flatMap((community) => community.groups.flatMap((group) => group.channels)));
  /** Channels one is in and direct messages, top to bottom as in the list pane. */
  readonly mine: readonly Conversation[] = $derived([...this.dms, ...this.channels.filter(isMine)]);
  /** The same, the one with the newest message first. */
  readonly lately: readonly Conversation[] = $derived([...this.mine].sort((a, b) => (b.last?.at ?? 0) - (a.last?.at ?? 0)));

  /** Direct messages, the newest first. */
  get dms(): readonly Conversation[] {
    return [...app.dms].sort((a, b) => (b.last?.at ?? 0) - (a.last?.at ?? 0));
  }

  find(id: Id): Conversation | undefined {
    return app.dms.find((one) => one.id === id) ?? this.channels.find((one) => one.id === id);
  }

  community(id: Id | null): Community | undefined {
    return app.communities.find((one) => one.id === id);
  }

  /** Public channels of a community one has not joined. */
  notJoined(community: Community): readonly Conversation[] {
    return community.groups.flatMap((group) => group.channels).filter((channel) => !channel.joined && channel.visibility === 'public');
  }
}

/** Whether it stands in the list: joined, and not just being left. */
export function isMine(conversation: Conversation): boolean {
  return conversation.joined && !undo.has(conversation.id);
}

/** Whether it deserves bold letters. */
export function isUnread(conversation: Conversation): boolean {
  return conversation.mentions > 0 || (conversation.unread > 0 && !conversation.muted);
}

/** What is new in it, in words; empty when nothing is. */
export function newsWords(conversation: Conversation): string {
  const news = [
    conversation.mentions > 0 && `${String(conversation.mentions)} ${conversation.mentions === 1 ? 'mention' : 'mentions'}`,
    isUnread(conversation) && conversation.unread > 0 && `${String(conversation.unread)} unread`,
    conversation.muted && 'muted',
    conversation.draft !== null && 'draft',
  ];
  return news.filter((one) => one !== false).join(', ');
}

/** People who run a community. */
export function runs(community: Community | undefined): boolean {
  return community?.role === 'owner' || community?.role === 'admin';
}

export const places = new Places();
