import { app } from '../../model/app.svelte.ts';
import type { Conversation } from '../../model/types.ts';
import { undo } from './undo.svelte.ts';

/** Leaves a channel, with a way back for a few seconds. The screen goes elsewhere at once. */
export function leave(channel: Conversation): void {
  undo.leave(channel);
  if (app.current?.id === channel.id) app.closeConversation();
}
