import type { Change, Keystore, MessageRecord } from '../../crypto/keystore.ts';
import { look, mayMark, withMark, type Body, type Mark } from '../marks.ts';
import type { Page, Row } from '../news.ts';
import type { Id } from '../types.ts';
import type { World } from './world.ts';

/** Messages that the place has not ordered yet stand behind all others, in the order in which they were written. */
export const unordered = 2 ** 52;

/** What the rows need: admin asks the signed operations whether a person is admin of a channel, never the place. */
export interface RowsGround {
  readonly store: Keystore;
  readonly world: World;
  readonly me: Id;
  admin(conv: Id, user: Id): boolean;
}

/** The messages on this device. */
export class Rows {
  readonly #ground: RowsGround;

  constructor(ground: RowsGround) {
    this.#ground = ground;
  }

  /** A batch in which every message is read once, changed in memory, and written at the end. */
  batch(): Batch {
    return new Batch(this.#ground);
  }

  /** Whether somebody may do this to a message. */
  may(conv: Id, body: Body, mark: Mark): boolean {
    return mayMark(body, mark, this.#ground.admin(conv, mark.by));
  }

  /** Up to limit messages before a position (null: the end), oldest first. */
  async older(conv: Id, before: number | null, limit: number): Promise<Page> {
    const found = await this.#ground.store.messages(conv, before ?? Infinity, 'older', limit + 1);
    const hasOlder = found.length > limit;
    return { rows: await this.#present(found.slice(0, limit).reverse()), hasOlder, hasNewer: before !== null };
  }

  async newer(conv: Id, after: number, limit: number): Promise<Page> {
    const found = await this.#ground.store.messages(conv, after, 'newer', limit + 1);
    return { rows: await this.#present(found.slice(0, limit)), hasOlder: true, hasNewer: found.length > limit };
  }

  /** The messages on both sides of one, or null when it is not here. */
  async around(conv: Id, id: Id, limit: number): Promise<Page | null> {
    const record = await this.#ground.store.message(conv, id);
    if (record === undefined) return null;
    const [before, after] = await Promise.all([this.older(conv, record.order, limit), this.newer(conv, record.order, limit)]);
    const [own] = await this.#present([record]);
    return { rows: [...before.rows, own!, ...after.rows], hasOlder: before.hasOlder, hasNewer: after.hasNewer };
  }

  async #present(records: readonly MessageRecord[]): Promise<Row[]> {
    const batch = this.batch();
    return Promise.all(records.map(async (record) => batch.row(record.conv, record.id, await batch.take(record))));
  }
}

interface Entry {
  body: Body;
  order: number;
  changed: boolean;
  gone: boolean;
}

/** Messages on their way from and to the disk. */
export class Batch {
  readonly #store: Keystore;
  readonly #world: World;
  readonly #me: Id;
  readonly #isAdmin: (conv: Id, user: Id) => boolean;
  readonly #entries = new Map<string, Promise<Entry | null>>();
  readonly #early: { conv: Id; target: Id; mark: Mark }[] = [];
  readonly #settledEarly: Change[] = [];

  constructor({ store, world, me, admin }: RowsGround) {
    this.#store = store;
    this.#world = world;
    this.#me = me;
    this.#isAdmin = admin;
  }

  /** Opens a record that was read already. */
  async take(record: MessageRecord): Promise<Body> {
    const entry = await this.#load(record.conv, record.id, record);
    return entry!.body;
  }

  async get(conv: Id, id: Id): Promise<Body | null> {
    const entry = await this.#load(conv, id);
    return entry === null || entry.gone ? null : entry.body;
  }

  /** Puts a message at a position. A message that is new here, or can be read at last, takes up the marks that came before it. */
  async put(conv: Id, id: Id, order: number, body: Body): Promise<void> {
    const known = await this.get(conv, id);
    const whole = known === null || (known.kind === 'unreadable' && body.kind !== 'unreadable') ? await this.#withEarly(conv, id, body) : body;
    this.#entries.set(`${conv}/${id}`, Promise.resolve({ body: whole, order, changed: true, gone: false }));
  }

  async change(conv: Id, id: Id, change: (body: Body) => Body): Promise<void> {
    const entry = await this.#load(conv, id);
    if (entry === null || entry.gone) return;
    entry.body = change(entry.body);
    entry.changed = true;
  }

  async remove(conv: Id, id: Id): Promise<void> {
    const entry = await this.#load(conv, id);
    if (entry === null) return;
    entry.gone = true;
    entry.changed = true;
  }

  /** Applies a mark to its message, if its author may; a mark whose message is not here waits for it. */
  async mark(conv: Id, target: Id, mark: Mark): Promise<void> {
    const body = await this.get(conv, target);
    if (body === null || body.kind === 'unreadable') this.#early.push({ conv, target, mark });
    else if (mayMark(body, mark, this.#isAdmin(conv, mark.by))) await this.change(conv, target, (old) => withMark(old, mark));
  }

  /** What has to be written. Counts and last lines of the conversations in the world follow from it. */
  async changes(): Promise<Change[]> {
    const changes: Change[] = [...this.#settledEarly];
    for (const [key, entry] of await this.#changed()) {
      const [conv, id] = key;
      changes.push(entry.gone ? { in: 'messages', key } : { in: 'messages', key, value: await this.#record(conv, id, entry) });
      this.#preview(conv, id, entry);
    }
    for (const { conv, target, mark } of this.#early) {
      const sealed = await this.#store.sealer.sealJSON(`early/${conv}/${target}/${mark.id}`, mark);
      changes.push({ in: 'early', key: [conv, target, mark.id], value: { conv, target, id: mark.id, sealed } });
    }
    return changes;
  }

  /** The changed messages that count as unread while they lie behind the read mark. */
  async counting(): Promise<{ conv: Id; id: Id; order: number; mentions: boolean }[]> {
    const found = [];
    for (const [[conv, id], { body, order, gone }] of await this.#changed()) {
      const counts = this.#counts(body);
      if (!gone && counts.unread) found.push({ conv, id, order, mentions: counts.mentions });
    }
    return found;
  }

  /** What there is to show of what changed, by conversation. */
  async news(): Promise<({ t: 'rows'; conv: Id; rows: Row[] } | { t: 'row-gone'; conv: Id; id: Id })[]> {
    const rows = new Map<Id, Row[]>();
    const gone: { t: 'row-gone'; conv: Id; id: Id }[] = [];
    for (const [[conv, id], entry] of await this.#changed()) {
      if (entry.gone) gone.push({ t: 'row-gone', conv, id });
      else rows.set(conv, [...(rows.get(conv) ?? []), await this.row(conv, id, entry.body)]);
    }
    return [...[...rows].map(([conv, list]) => ({ t: 'rows' as const, conv, rows: list })), ...gone];
  }

  /** A message as the tabs get it; it must be in the batch. */
  async row(conv: Id, id: Id, body: Body): Promise<Row> {
    const entry = await this.#load(conv, id);
    const { text, mentions, editedAt, deletedBy, reactions } = look(body);
    return {
      conv, id, order: entry?.order ?? unordered, at: body.at, sender: body.sender, kind: body.kind, text, happening: body.happening, code: body.code,
      replyTo: body.replyTo === null || deletedBy !== null ? null : await this.#quote(conv, body.replyTo),
      reactions, editedAt, deletedBy, mentionsMe: mentions.includes(this.#me) && body.sender !== this.#me,
      state: body.state, failure: body.failure, late: body.late,
    };
  }

  async #quote(conv: Id, id: Id): Promise<Row['replyTo']> {
    const body = await this.get(conv, id);
    if (body === null) return { id, author: null, text: '', deleted: false };
    const { text, deletedBy } = look(body);
    return { id, author: body.sender, text: text.slice(0, 300), deleted: deletedBy !== null };
  }

  #load(conv: Id, id: Id, record?: MessageRecord): Promise<Entry | null> {
    const key = `${conv}/${id}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = this.#open(conv, id, record);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  async #open(conv: Id, id: Id, record?: MessageRecord): Promise<Entry | null> {
    const found = record ?? (await this.#store.message(conv, id));
    if (found === undefined) return null;
    const body = await this.#store.sealer.openJSON<Body>(`messages/${conv}/${id}`, found.sealed);
    return { body, order: found.order, changed: false, gone: false };
  }

  async #withEarly(conv: Id, id: Id, body: Body): Promise<Body> {
    let whole = body;
    for (const record of await this.#store.early(conv, id)) {
      const mark = await this.#store.sealer.openJSON<Mark>(`early/${conv}/${id}/${record.id}`, record.sealed);
      if (mayMark(whole, mark, this.#isAdmin(conv, mark.by))) whole = withMark(whole, mark);
      this.#settledEarly.push({ in: 'early', key: [conv, id, record.id] });
    }
    const waiting = this.#early.filter((one) => one.conv === conv && one.target === id);
    for (const one of waiting) {
      if (mayMark(whole, one.mark, this.#isAdmin(conv, one.mark.by))) whole = withMark(whole, one.mark);
      this.#early.splice(this.#early.indexOf(one), 1);
    }
    return whole;
  }

  async #changed(): Promise<[[Id, Id], Entry][]> {
    const found: [[Id, Id], Entry][] = [];
    for (const [key, promise] of this.#entries) {
      const entry = await promise;
      if (entry?.changed === true) found.push([key.split('/') as [Id, Id], entry]);
    }
    return found;
  }

  #counts(body: Body): { unread: boolean; mentions: boolean } {
    const { mentions, deletedBy } = look(body);
    const unread = body.kind === 'text' && body.sender !== this.#me && deletedBy === null;
    return { unread, mentions: unread && mentions.includes(this.#me) };
  }

  async #record(conv: Id, id: Id, { body, order }: Entry): Promise<MessageRecord> {
    const counts = this.#counts(body);
    return {
      conv, id, order, counts: counts.unread ? 1 : 0, mentions: counts.mentions ? 1 : 0,
      sealed: await this.#store.sealer.sealJSON(`messages/${conv}/${id}`, body),
    };
  }

  #preview(conv: Id, id: Id, { body, order, gone }: Entry): void {
    const meta = this.#world.conv(conv);
    if (body.kind !== 'text') return;
    if (gone) {
      if (meta.last?.id === id) this.#world.changeConv(conv, { last: null });
      return;
    }
    if (meta.last !== null && meta.last.id !== id && meta.last.order > order) return;
    const { text, deletedBy } = look(body);
    const line = deletedBy === null ? text.slice(0, 200) : 'Message deleted';
    this.#world.changeConv(conv, { last: { id, author: body.sender, text: line, at: body.at, order, state: body.state } });
  }
}
