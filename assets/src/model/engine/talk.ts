import { Fault } from '../../net/failure.ts';
import type { DM } from '../../net/wire.ts';
import { isEmoji, longestText, mentionsIn, type Content } from '../content.ts';
import type { Page } from '../news.ts';
import type { Draft } from '../types.ts';
import { settle, type Base } from './base.ts';
import type { Membership } from './membership.ts';
import type { Outbox } from './outbox.ts';
import { unordered } from './rows.ts';

const pageSize = 60;
/** An unread divider further back than this is not brought into the first window. */
const farthest = 400;

/** A conversation as it is opened: its end, and where the unread part begins. */
export interface Opening extends Page {
  readonly unreadFrom: string | null;
  readonly unreadCount: number;
}

/** What a person does inside a conversation. */
export class Talk {
  readonly #base: Base;
  readonly #outbox: Outbox;
  readonly #membership: Membership;
  readonly #telling = new Set<string>();

  constructor(base: Base, outbox: Outbox, membership: Membership) {
    this.#base = base;
    this.#outbox = outbox;
    this.#membership = membership;
  }

  async open(conv: string): Promise<Opening> {
    const { world, rows, store } = this.#base;
    const { unread, readSeq } = world.conv(conv);
    const page = await rows.older(conv, null, Math.max(pageSize, Math.min(unread + 20, farthest)));
    const first = unread === 0 ? null : (await store.countAfter(conv, readSeq)).first;
    return { ...page, unreadFrom: first, unreadCount: unread };
  }

  older(conv: string, before: number): Promise<Page> {
    return this.#base.rows.older(conv, before, pageSize);
  }

  newer(conv: string, after: number): Promise<Page> {
    return this.#base.rows.newer(conv, after, pageSize);
  }

  around(conv: string, id: string): Promise<Page | null> {
    return this.#base.rows.around(conv, id, pageSize / 2);
  }

  async send(conv: string, id: string, text: string, replyTo: string | null): Promise<void> {
    const words = checked(text);
    const content: Content = { type: 'text', text: words, mentions: this.#mentions(conv, words), ...(replyTo === null ? {} : { reply_to: replyTo }) };
    await this.#outbox.post(conv, id, content);
    if (this.#base.world.conv(conv).draft !== null) await this.draft(conv, null);
  }

  async edit(conv: string, id: string, target: string, text: string): Promise<void> {
    const words = checked(text);
    await this.#may(conv, target, 'edit');
    return this.#outbox.post(conv, id, { type: 'edit', target, text: words, mentions: this.#mentions(conv, words) });
  }

  async remove(conv: string, id: string, target: string): Promise<void> {
    await this.#may(conv, target, 'delete');
    return this.#outbox.post(conv, id, { type: 'delete', target });
  }

  async react(conv: string, id: string, target: string, emoji: string, on: boolean): Promise<void> {
    if (!isEmoji(emoji)) throw new Fault('bad_request', 'A reaction is one emoji.');
    await this.#may(conv, target, 'react');
    return this.#outbox.post(conv, id, { type: 'react', target, emoji, on });
  }

  async draft(conv: string, draft: Draft | null): Promise<void> {
    this.#base.world.changeConv(conv, { draft });
    await settle(this.#base);
  }

  async mute(conv: string, muted: boolean): Promise<void> {
    this.#base.world.changeConv(conv, { muted });
    await settle(this.#base);
  }

  async typing(conv: string): Promise<void> {
    await this.#base.api.post(`/api/conversations/${conv}/typing`).catch(() => undefined); // a whisper that nobody hears is no loss
  }

  /** Everything up to the newest message is read. */
  async read(conv: string): Promise<void> {
    const { store, world } = this.#base;
    const [newest] = await store.messages(conv, unordered, 'older', 1);
    const meta = world.conv(conv);
    const seq = Math.ceil(newest?.order ?? 0);
    if (seq <= meta.readSeq && meta.unread === 0) return;
    world.changeConv(conv, { readSeq: Math.max(seq, meta.readSeq), readTold: false, unread: 0, mentions: 0 });
    await settle(this.#base);
    void this.tellRead(conv);
  }

  /** Tells this person's other devices how far was read; several marks soon after each other become one. */
  async tellRead(conv: string): Promise<void> {
    const { world, api } = this.#base;
    if (this.#telling.has(conv) || world.conv(conv).readTold) return;
    this.#telling.add(conv);
    try {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const { readSeq } = world.conv(conv);
      await api.put(`/api/conversations/${conv}/read`, { seq: readSeq });
      if (world.conv(conv).readSeq === readSeq) world.changeConv(conv, { readTold: true });
      await settle(this.#base);
    } catch {
      // Told when the place is reached again.
    } finally {
      this.#telling.delete(conv);
    }
  }

  async tellReads(): Promise<void> {
    for (const { id, readTold } of [...this.#base.world.all('conv')]) if (!readTold) await this.tellRead(id);
  }

  /** Another device of this person read on. */
  async readMoved(conv: string, seq: number): Promise<void> {
    const { world } = this.#base;
    if (seq <= world.conv(conv).readSeq) return;
    world.changeConv(conv, { readSeq: seq });
    await this.recount(conv);
  }

  /** Counts again what is unread. */
  async recount(conv: string): Promise<void> {
    const { world, store } = this.#base;
    const { unread, mentions } = await store.countAfter(conv, world.conv(conv).readSeq);
    world.changeConv(conv, { unread, mentions });
  }

  async openDM(person: string): Promise<string> {
    const { api, world } = this.#base;
    const known = [...world.all('dm')].find((one) => one.peer.id === person);
    if (known !== undefined) return known.id;
    const dm = await api.post<DM>('/api/dms', { user_id: person });
    world.put('dm', dm.id, dm);
    await settle(this.#base);
    if (!this.#membership.knows(dm.id)) {
      await this.#membership.fetch(person);
      await this.#membership.loadDM(dm);
    }
    return dm.id;
  }

  // The others' devices decide by the same rules; this only says it before it is in vain.
  async #may(conv: string, target: string, what: 'edit' | 'delete' | 'react'): Promise<void> {
    const { rows, me } = this.#base;
    const body = await rows.batch().get(conv, target);
    const mark = { id: '', by: me, at: 0, seq: null, ...(what === 'delete' ? { what } : what === 'edit' ? { what, text: '', mentions: [] } : { what, emoji: '', on: true }) };
    if (body?.state === 'failed' || body?.state === 'waiting' || body?.state === 'sending') {
      throw new Fault('not_sent', 'This message has not gone out yet. Wait until it has, or discard it.');
    }
    if (body === null || !rows.may(conv, body, mark)) throw new Fault('forbidden', 'Only its author can do this to a message, and an admin of the channel can delete it.');
  }

  #mentions(conv: string, text: string): string[] {
    const { world } = this.#base;
    const people = world.people(conv).flatMap((id) => world.get('user', id) ?? []);
    return mentionsIn(text, people);
  }
}

function checked(text: string): string {
  const words = text.replace(/\s+$/u, '').replace(/^(?:[^\S\n]*\n)+/u, '');
  if (words === '') throw new Fault('empty', 'There is nothing to send yet.');
  if (words.length > longestText || new TextEncoder().encode(JSON.stringify(words)).length > 60_000) {
    throw new Fault('too_large', `This message is too long by ${Math.max(1, words.length - longestText)} characters. Send it in parts.`);
  }
  return words;
}
