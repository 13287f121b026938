/**
 * Things done with a way back. Deleting a message and leaving a channel happen on this screen at once and on the place when the toast with Undo has gone (8 s).
 * What was asked for is never forgotten: closing the page, hiding it or signing out does it at once, and what could not be done even then (a crash,
 * a browser that was killed) is done at the next start. Only ids are written down for that, which the place knows anyway.
 */
import { SvelteMap } from 'svelte/reactivity';
import { app } from '../../model/app.svelte.ts';
import type { Conversation, Id, Message } from '../../model/types.ts';
import { attempt } from '../parts/failure.ts';

/** Longest time a way back stays open, whatever lies over its toast, in milliseconds. */
const LONGEST = 30_000;
const STORE_KEY = 'chatalot.pending';

type What = 'remove' | 'leave';

interface Pending {
  readonly what: What;
  readonly id: Id;
  readonly conversation: Id;
  /** The action of its toast: the toast with this one has gone when the way back has. */
  readonly undo: () => void;
  readonly since: number;
}

class Undo {
  readonly #pending = new SvelteMap<Id, Pending>();
  readonly #underWay = new Set<Id>();

  /** Whether a message is being deleted, or a channel left. */
  has(id: Id): boolean {
    return this.#pending.has(id);
  }

  remove(message: Message): void {
    this.#begin('remove', message.id, message.conversationId, 'Message deleted');
  }

  leave(channel: Conversation): void {
    this.#begin('leave', channel.id, channel.id, `You left ${channel.name}`);
  }

  /** Takes it back while there is time. */
  cancel(id: Id): void {
    const pending = this.#pending.get(id);
    if (pending === undefined || this.#underWay.has(id)) return;
    this.#pending.delete(id);
    this.#write();
    this.#dismiss(pending);
  }

  #begin(what: What, id: Id, conversation: Id, words: string): void {
    const undo = () => this.cancel(id);
    this.#pending.set(id, { what, id, conversation, undo, since: Date.now() });
    this.#write();
    app.toast(words, { label: 'Undo', run: undo });
  }

  /** Does what has no way back any more. Called whenever toasts change and now and then. */
  settle(now: number): void {
    for (const pending of this.#pending.values()) {
      const open = app.toasts.some((toast) => toast.action?.run === pending.undo);
      if (!open || now - pending.since > LONGEST) this.#commit(pending);
    }
  }

  /** Does everything at once: the page is being left. */
  settleAll(): void {
    for (const pending of this.#pending.values()) this.#commit(pending);
  }

  #commit(pending: Pending): void {
    if (this.#underWay.has(pending.id)) return;
    this.#underWay.add(pending.id);
    this.#dismiss(pending);
    void attempt(() => perform(pending)).then(() => {
      this.#underWay.delete(pending.id);
      this.#pending.delete(pending.id);
      this.#write();
    });
  }

  #dismiss(pending: Pending): void {
    const toast = app.toasts.find((one) => one.action?.run === pending.undo);
    if (toast !== undefined) app.dismissToast(toast.id);
  }

  #write(): void {
    const open = [...this.#pending.values()].map(({ what, id, conversation, since }) => ({ what, id, conversation, since }));
    try {
      if (open.length === 0) localStorage.removeItem(STORE_KEY);
      else localStorage.setItem(STORE_KEY, JSON.stringify({ by: app.me?.id, open }));
    } catch {
      /* without storage, hiding the page is the last chance, and it is taken */
    }
  }

  /** Finishes what an earlier page could not; what is younger may still have its way back open in another tab. */
  async resume(now: number): Promise<void> {
    for (const left of readLeftOver(app.me?.id)) {
      if (now - left.since <= LONGEST || this.#pending.has(left.id)) continue;
      await perform(left).catch(() => undefined); // gone already, or not ours to do any more
    }
    if (this.#pending.size === 0 && readLeftOver(app.me?.id).every((left) => now - left.since > LONGEST)) this.#write();
  }
}

type LeftOver = Pick<Pending, 'what' | 'id' | 'conversation' | 'since'>;

function perform({ what, id, conversation }: LeftOver): Promise<void> {
  return what === 'remove' ? app.remove(id, conversation) : app.leaveChannel(id);
}

function readLeftOver(by: Id | undefined): readonly LeftOver[] {
  try {
    const stored = JSON.parse(localStorage.getItem(STORE_KEY) ?? 'null') as { by: Id; open: LeftOver[] } | null;
    return stored !== null && stored.by === by ? stored.open : [];
  } catch {
    return [];
  }
}

export const undo = new Undo();
