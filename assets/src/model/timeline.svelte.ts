import type { Bridge } from './bridge.ts';
import { happeningLine } from './happening.ts';
import type { Page, Row } from './news.ts';
import { mergeRows, withQuotes } from './order.ts';
import type { Id, Message, Timeline } from './types.ts';
import { unreadableLine } from './unreadable.ts';
import type { World } from './world.svelte.ts';

/** The open conversation: a window of its messages, kept up with what happens. */
export class OpenTimeline implements Timeline {
  readonly conversationId: Id;
  hasOlder = $state(false);
  hasNewer = $state(false);
  loading = $state(true);
  unreadFrom = $state<Id | null>(null);
  unreadCount = $state(0);
  #caughtUp = false;
  #rows = $state.raw<readonly Row[]>([]);
  /** What came while a page was on its way: the page may have been read before it. */
  #meanwhile: Row[] = [];
  readonly #world: World;
  readonly #bridge: Bridge;
  readonly #made = new WeakMap<Row, Message>();
  readonly messages: readonly Message[] = $derived.by(() => this.#messages());

  constructor(conversationId: Id, world: World, bridge: Bridge) {
    this.conversationId = conversationId;
    this.#world = world;
    this.#bridge = bridge;
  }

  /** Loads the end of the conversation, and where its unread part begins. */
  async open(): Promise<void> {
    await this.#busy(async () => {
      const opening = await this.#bridge.call('open', this.conversationId);
      this.#show(opening);
      this.unreadFrom = opening.unreadFrom;
      this.unreadCount = opening.unreadCount;
    });
  }

  /** Loads the same window again: a new engine may have gone on while nobody told. */
  async refresh(): Promise<void> {
    if (!this.hasNewer) await this.#busy(async () => this.#show(await this.#bridge.call('open', this.conversationId)));
  }

  async older(): Promise<void> {
    const first = this.#rows[0];
    if (this.loading || !this.hasOlder || first === undefined) return;
    await this.#busy(async () => {
      const page = await this.#bridge.call('older', this.conversationId, first.order);
      this.#rows = mergeRows(this.#rows, page.rows);
      this.hasOlder = page.hasOlder;
    });
  }

  async newer(): Promise<void> {
    const last = this.#rows.at(-1);
    if (this.loading || !this.hasNewer || last === undefined) return;
    await this.#busy(async () => {
      const page = await this.#bridge.call('newer', this.conversationId, last.order);
      this.#rows = mergeRows(this.#rows, page.rows);
      this.hasNewer = page.hasNewer;
    });
  }

  /** Brings a message into the window; whether it is on this device. */
  async show(id: Id): Promise<boolean> {
    if (this.hasNewer && this.#rows.at(-1)?.id === id) {
      await this.newer();
      return true;
    }
    if (this.#rows.some((row) => row.id === id)) return true;
    return this.#busy(async () => {
      const page = await this.#bridge.call('around', this.conversationId, id);
      if (page !== null) this.#show(page);
      return page !== null;
    });
  }

  /** Takes rows that came or changed. watched: they are seen as they come, so that no divider is due. */
  take(rows: readonly Row[], watched: boolean): void {
    if (this.loading) this.#meanwhile.push(...rows);
    const known = new Set(this.#rows.map((row) => row.id));
    const first = this.#rows[0]?.order ?? -Infinity;
    const last = this.#rows.at(-1)?.order ?? -Infinity;
    const inside = rows.filter((row) => known.has(row.id) || ((row.order >= first || !this.hasOlder) && (row.order <= last || !this.hasNewer)));
    if (inside.length === 0) return;
    this.#divide(inside.filter((row) => !known.has(row.id)), watched);
    this.#rows = withQuotes(mergeRows(this.#rows, inside), inside);
  }

  drop(id: Id): void {
    this.#meanwhile = this.#meanwhile.filter((row) => row.id !== id);
    this.#rows = this.#rows.filter((row) => row.id !== id);
  }

  row(id: Id): Row | undefined {
    return this.#rows.find((row) => row.id === id);
  }

  #show(page: Page): void {
    this.#rows = page.rows;
    this.hasOlder = page.hasOlder;
    this.hasNewer = page.hasNewer;
  }

  // What comes while nobody looks gets the divider. Whoever has seen something newer than the divider has caught up: the next one begins anew.
  #divide(fresh: readonly Row[], watched: boolean): void {
    const unseen = fresh.filter((row) => row.kind === 'text' && row.sender !== this.#world.me);
    if (unseen.length === 0) return;
    if (watched) {
      this.#caughtUp = true;
      return;
    }
    if (this.unreadFrom === null || this.#caughtUp) {
      this.unreadFrom = unseen[0]!.id;
      this.unreadCount = 0;
      this.#caughtUp = false;
    }
    this.unreadCount += unseen.length;
  }

  async #busy<T>(work: () => Promise<T>): Promise<T> {
    this.loading = true;
    try {
      return await work();
    } finally {
      this.loading = false;
      const came = this.#meanwhile.splice(0);
      if (came.length > 0) this.take(came, true);
    }
  }

  // Messages that could not be opened are told once for a run of them.
  #messages(): readonly Message[] {
    const messages: Message[] = [];
    let run: Row[] = [];
    const flush = (): void => {
      if (run.length > 0) messages.push({ ...this.#base(run[0]!), text: unreadableLine(run.map((row) => row.code)) });
      run = [];
    };
    for (const row of this.#rows) {
      if (row.kind === 'unreadable') {
        run.push(row);
        continue;
      }
      flush();
      messages.push(this.#message(row));
    }
    flush();
    return messages;
  }

  #message(row: Row): Message {
    if (row.happening !== null) {
      const targets = row.happening.targets.map((id) => this.#world.person(id));
      return { ...this.#base(row), text: happeningLine(row.happening, this.#world.person(row.sender), targets) };
    }
    let message = this.#made.get(row);
    if (message === undefined) this.#made.set(row, (message = this.#base(row)));
    return message;
  }

  #base(row: Row): Message {
    const quote = row.replyTo;
    const person = (id: Id) => this.#world.person(id);
    return {
      id: row.id, conversationId: row.conv, author: person(row.sender), at: row.at, kind: row.kind, text: row.text,
      replyTo: quote === null ? null : {
        id: quote.id, author: person(quote.author ?? ''), deleted: quote.deleted,
        text: quote.author === null ? 'An earlier message that is not on this device' : quote.text,
      },
      reactions: row.reactions.map((one) => ({ emoji: one.emoji, by: one.by.map(person), mine: one.by.includes(this.#world.me ?? '') })),
      editedAt: row.editedAt, deletedBy: row.deletedBy === null ? null : person(row.deletedBy), mentionsMe: row.mentionsMe,
      state: row.state, failure: row.failure, late: row.late,
    };
  }
}
