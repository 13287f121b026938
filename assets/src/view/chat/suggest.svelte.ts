/** Completing @names and :shortcodes: while one writes. */
import { app } from '../../model/app.svelte.ts';
import type { Person } from '../../model/types.ts';
import { announce } from './announce.svelte.ts';
import type { Draft } from './draft.svelte.ts';
import { loadEmoji, rememberEmoji, searchEmoji, type Emoji } from './lib/emoji.ts';
import { rank } from './lib/fuzzy.ts';
import { complete, triggerAt, type Trigger } from './lib/suggest.ts';

export type Suggestion = { readonly kind: 'person'; readonly person: Person } | { readonly kind: 'emoji'; readonly emoji: Emoji };

const MOST = 8;

export class Suggest {
  found = $state.raw<readonly Suggestion[]>([]);
  /** Which one Enter takes. */
  at = $state(0);
  readonly open = $derived(this.found.length > 0);
  readonly #draft: Draft;
  #trigger: Trigger | null = null;
  /** The trigger somebody closed the list on: it stays closed until another word begins. */
  #refused = -1;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /** Looks at what stands before the caret. */
  look(text: string, caret: number): void {
    const trigger = triggerAt(text, caret);
    if (trigger?.from !== this.#refused) this.#refused = -1;
    this.#trigger = trigger;
    if (trigger === null || this.#refused >= 0) this.#show([]);
    else if (trigger.sign === '@') this.#show(peopleFor(trigger.query));
    else void this.#lookForEmoji(trigger);
  }

  async #lookForEmoji(trigger: Trigger): Promise<void> {
    const set = await loadEmoji().catch(() => null);
    if (set === null || this.#trigger !== trigger) return;
    this.#show(searchEmoji(set, trigger.query, MOST).map((emoji) => ({ kind: 'emoji', emoji })));
  }

  #show(found: readonly Suggestion[]): void {
    if (found.length > 0 && found.length !== this.found.length) announce.now(`${String(found.length)} suggestions. Up and down to choose, Enter to take one.`);
    this.found = found;
    this.at = 0;
  }

  close(): void {
    this.#trigger = null;
    this.found = [];
  }

  take(one: Suggestion): void {
    if (this.#trigger === null) return;
    const insert = one.kind === 'person' ? `@${one.person.username}` : one.emoji.char;
    if (one.kind === 'emoji') rememberEmoji(one.emoji.char);
    const { text, caret } = complete(this.#draft.text, this.#trigger, insert);
    this.close();
    this.#draft.replace(text, caret);
  }

  /** Answers whether the key was meant for the list. */
  keydown(event: KeyboardEvent): boolean {
    if (!this.open || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return false;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const one = this.found[this.at];
    if (by !== undefined) this.at = (this.at + by + this.found.length) % this.found.length;
    else if (event.key === 'Escape') this.#refuse();
    else if ((event.key === 'Enter' || event.key === 'Tab') && one !== undefined) this.take(one);
    else return false;
    return true;
  }

  #refuse(): void {
    this.#refused = this.#trigger?.from ?? -1;
    this.found = [];
  }
}

/** Members of the open conversation, by name or sign-in name; without letters those who are here come first. */
function peopleFor(query: string): readonly Suggestion[] {
  const members = (app.current?.members ?? []).map((member) => member.person).filter((person) => !person.isMe);
  const order = { online: 0, away: 1, offline: 2 };
  const here = [...members].sort((a, b) => order[a.presence] - order[b.presence]);
  return rank(query, here, (person) => `${person.name} ${person.username}`)
    .slice(0, MOST)
    .map(({ one }) => ({ kind: 'person', person: one }));
}
