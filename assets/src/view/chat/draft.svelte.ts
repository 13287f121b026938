/** What stands in the composer of one conversation, kept as a draft on this device. */
import { tick } from 'svelte';
import { app } from '../../model/app.svelte.ts';
import type { Conversation, Id, Message } from '../../model/types.ts';
import { asFailure } from '../parts/failure.ts';
import { convertShortcodes, insertAt } from './lib/suggest.ts';
import { loadEmoji } from './lib/emoji.ts';
import { ui } from './ui.svelte.ts';



/** A draft is written down this long after the last key, and others see "typing" at most so often, in milliseconds. */
const SAVE_AFTER = 400;
const TYPING_EVERY = 3000;

export class Draft {
  text = $state('');
  /** Where the caret belongs after the text was changed by other means than typing. */
  caret = $state<number | null>(null);
  failure = $state<string | null>(null);
  readonly #id: Id;
  #timer = 0;
  #typedAt = 0;
  #saved: string;
  /** What stood here before one began to edit an older message. */
  #aside: string | null = null;

  constructor(conversation: Conversation) {
    this.#id = conversation.id;
    this.text = conversation.draft?.text ?? '';
    this.#saved = this.text;
    const reply = conversation.draft?.replyTo ?? null;
    if (reply !== null) ui.replying = app.timeline?.messages.find((message) => message.id === reply) ?? null;
  }

  typed(): void {
    this.failure = null;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.save(), SAVE_AFTER);
    if (this.text.trim() === '' || ui.editing !== null || Date.now() - this.#typedAt < TYPING_EVERY) return;
    this.#typedAt = Date.now();
    app.typing();
  }

  /** Writes the draft down when it changed. What replaces an older message is none. */
  save(): void {
    clearTimeout(this.#timer);
    const text = this.#aside ?? this.text;
    const reply = ui.editing === null && app.current?.id === this.#id ? (ui.replying?.id ?? null) : null;
    const now = `${reply ?? ''} ${text}`;
    if (now === this.#saved || (text === '' && this.#saved === '')) return;
    this.#saved = now;
    app.saveDraft(this.#id, text, reply);
  }

  /** Takes up or leaves the message that is edited. */
  follow(editing: Message | null): void {
    if (editing !== null) {
      this.#aside ??= this.text;
      this.#put(editing.text);
    } else if (this.#aside !== null) {
      this.#put(this.#aside);
      this.#aside = null;
    }
  }

  #put(text: string): void {
    this.text = text;
    this.caret = text.length;
  }

  /** Neither reply nor edit any more. */
  stop(): void {
    ui.replying = null;
    ui.editing = null;
    this.save();
  }

  insert(piece: string, start: number, end: number): void {
    const { text, caret } = insertAt(this.text, start, end, piece);
    this.text = text;
    this.caret = caret;
    this.typed();
    ui.compose();
  }

  /** Replaces the text, e.g. by a completion. */
  replace(text: string, caret: number): void {
    this.text = text;
    this.caret = caret;
    this.typed();
  }

  /** Edits one's newest message. Answers whether there is one. */
  editLast(): boolean {
    const last = app.timeline?.messages.findLast((message) => message.author.isMe && message.kind === 'text' && message.deletedBy === null && message.state === 'sent');
    if (last === undefined) return false;
    ui.edit(last);
    return true;
  }

  /** Sends or saves. The composer is empty at once; if it fails, everything stands there again with the reason. */
  async send(): Promise<void> {
    const typed = this.text;
    const { editing, replying } = ui;
    if (editing === null) this.text = ''; // at once: looking up a first emoji takes a moment, and Enter may be pressed again
    const text = await withEmoji(typed.trim());
    this.failure = null;
    try {
      if (editing !== null) await this.#edit(editing, text);
      else await this.#write(text, replying);
    } catch (fault) {
      this.failure = asFailure(fault).message;
      if (this.text === '') this.#restore(typed, editing, replying);
    }
  }

  async #edit(editing: Message, text: string): Promise<void> {
    const change = text === editing.text ? null : app.edit(editing.id, text);
    this.stop();
    await change;
  }

  async #write(text: string, replying: Message | null): Promise<void> {
    ui.replying = null;
    const sent = app.send(text, replying?.id ?? null);
    this.#typedAt = 0;
    this.save();
    ui.jumpToPresent();
    await sent;
  }

  #restore(text: string, editing: Message | null, replying: Message | null): void {
    if (editing !== null) ui.edit(editing);
    else if (replying !== null) ui.reply(replying);
    void tick().then(() => this.#put(text));
  }
}

/** Shortcodes become emoji. Where the emoji cannot be loaded, the words stay. */
async function withEmoji(text: string): Promise<string> {
  if (!/:[a-z0-9_+-]+:/iu.test(text)) return text;
  try {
    const set = await loadEmoji();
    return convertShortcodes(text, (code) => set.byCode.get(code));
  } catch {
    return text;
  }
}
