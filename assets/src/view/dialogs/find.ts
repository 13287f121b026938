import { app } from '../../model/app.svelte.ts';
import type { Community, Conversation, Group, Id } from '../../model/types.ts';

/** What a dialog is about, as it is now. Null once it is gone, for example because somebody else deleted it; the dialog then closes. */
export function findCommunity(id: Id | null): Community | null {
  return app.communities.find((one) => one.id === id) ?? null;
}

export function findGroup(id: Id | null): Group | null {
  return app.communities.flatMap((one) => one.groups).find((one) => one.id === id) ?? null;
}

export function findConversation(id: Id): Conversation | null {
  const channels = app.communities.flatMap((one) => one.groups.flatMap((group) => group.channels));
  return [...channels, ...app.dms].find((one) => one.id === id) ?? null;
}

/** Whether one may change a community itself, not only talk in it. */
export function looksAfter(community: Community): boolean {
  return community.role !== 'member';
}
