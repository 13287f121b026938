import { app } from '../../model/app.svelte.ts';
import type { Id } from '../../model/types.ts';
import { findCommunity } from './find.ts';

/** Makes a community and opens its first channel, once that has arrived. */
export async function createCommunity(name: string): Promise<void> {
  const id = await app.createCommunity(name);
  const first = findCommunity(id)?.groups.flatMap((group) => group.channels)[0];
  if (first !== undefined) app.openConversation(first.id);
}

export async function createGroup(communityId: Id, name: string): Promise<void> {
  await app.createGroup(communityId, name);
}

export async function renameGroup(groupId: Id, name: string): Promise<void> {
  await app.renameGroup(groupId, name);
}
