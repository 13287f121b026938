/** What one can do with a message: one list for the toolbar, the sheet and the keyboard. */
import type { ComponentProps } from 'svelte';
import Copy from '@lucide/svelte/icons/copy';
import Pencil from '@lucide/svelte/icons/pencil';
import Reply from '@lucide/svelte/icons/reply';
import RotateCcw from '@lucide/svelte/icons/rotate-ccw';
import Trash2 from '@lucide/svelte/icons/trash-2';
import { app } from '../../model/app.svelte.ts';
import type { Message } from '../../model/types.ts';
import { copyText } from '../parts/clipboard.ts';
import { attempt } from '../parts/failure.ts';
import type Icon from '../parts/Icon.svelte';
import { rememberEmoji } from './lib/emoji.ts';
import { ui } from './ui.svelte.ts';
import { undo } from './undo.svelte.ts';

export interface MessageAction {
  readonly label: string;
  readonly icon: ComponentProps<typeof Icon>['of'];
  readonly keys: string;
  readonly danger: boolean;
  readonly run: () => void;
}

/** It is on the place and still says something. */
function stands(message: Message): boolean {
  return message.deletedBy === null && !undo.has(message.id) && (message.kind === 'text' || message.kind === 'webhook') && (message.state === null || message.state === 'sent');
}

export function canReact(message: Message): boolean {
  return stands(message) && app.current?.held === null && app.current.joined;
}

export function canReply(message: Message): boolean {
  return canReact(message);
}

export function canEdit(message: Message): boolean {
  return canReact(message) && message.author.isMe && message.kind === 'text';
}

/** Its author may, and so may who looks after the channel. */
export function canDelete(message: Message): boolean {
  return stands(message) && message.kind === 'text' && (message.author.isMe || (app.current?.kind === 'channel' && app.current.admin));
}

/** In the order in which they are offered; empty when nothing can be done. */
export function actionsFor(message: Message): readonly MessageAction[] {
  const all: (MessageAction | false)[] = [
    message.state === 'failed' && { label: 'Try again', icon: RotateCcw, keys: '', danger: false, run: () => app.retry(message.id) },
    canReply(message) && { label: 'Reply', icon: Reply, keys: 'R', danger: false, run: () => ui.reply(message) },
    canEdit(message) && { label: 'Edit', icon: Pencil, keys: 'E', danger: false, run: () => ui.edit(message) },
    message.text !== '' && message.deletedBy === null && message.kind !== 'event' && !undo.has(message.id) && { label: 'Copy text', icon: Copy, keys: 'C', danger: false, run: () => void copyText(message.text, 'Text copied') },
    canDelete(message) && { label: 'Delete', icon: Trash2, keys: 'Del', danger: true, run: () => undo.remove(message) },
    (message.state === 'failed' || message.state === 'waiting') && { label: 'Delete', icon: Trash2, keys: 'Del', danger: true, run: () => app.discard(message.id) },
  ];
  return all.filter((one) => one !== false);
}

/** Adds a reaction, or takes one's own back. */
export function react(message: Message, char: string): void {
  rememberEmoji(char);
  void attempt(() => app.toggleReaction(message.id, char));
}

/** Opens the emoji picker beside an element, for a reaction. */
export function pickReaction(message: Message, from: Element): void {
  ui.show({ kind: 'emoji', message, anchor: from.getBoundingClientRect(), pick: (char) => react(message, char) });
}

/** Runs the action of a key pressed on a focused message. Answers whether there was one. */
export function runKey(message: Message, key: string, from: Element): boolean {
  if (key === '+' && canReact(message)) {
    pickReaction(message, from);
    return true;
  }
  const wanted = { r: 'R', e: 'E', c: 'C', Delete: 'Del', Backspace: 'Del' }[key.length === 1 ? key.toLowerCase() : key];
  const action = actionsFor(message).find((one) => one.keys !== '' && one.keys === wanted);
  action?.run();
  return action !== undefined;
}
