import type { Change, Keystore, OutboxRecord } from '../../crypto/keystore.ts';
import { pause, sleep } from '../../net/backoff.ts';
import { fromBase64, newId } from '../../net/base64.ts';
import { Fault } from '../../net/failure.ts';
import type { Message } from '../../net/wire.ts';
import { encode, type Content } from '../content.ts';
import { withMark, withoutMark, type Body, type Mark } from '../marks.ts';
import type { SendState } from '../types.ts';
import { mayAsk, verdict } from '../verdict.ts';
import type { Base } from './base.ts';
import { coreError } from './errors.ts';
import { unordered, type Batch } from './rows.ts';
import type { Sealing } from './sealing.ts';

/** A message on its way out. request is what goes over the network once it is sealed: a retry sends the same bytes. */
interface Letter {
  readonly n: number;
  readonly conv: string;
  readonly id: string;
  readonly content: Content;
  readonly at: number;
  request: string | null;
  failure: string | null;
}

/**
 * What this person said and the place does not have yet. Survives reload and offline; in order in each conversation; a failed message lets the
 * ones behind it pass and waits for a decision.
 */
export class Outbox {
  readonly #base: Base;
  readonly #sealing: Sealing;
  readonly #catchUp: () => Promise<void>;
  readonly #letters = new Map<number, Letter>();
  readonly #lanes = new Set<string>();
  #wake = new AbortController();
  #online = false;
  #stopped = false;

  constructor(base: Base, sealing: Sealing, catchUp: () => Promise<void>) {
    this.#base = base;
    this.#sealing = sealing;
    this.#catchUp = catchUp;
  }

  /** Takes up what an earlier run left. */
  async load(): Promise<void> {
    for (const record of await this.#base.store.outbox()) {
      this.#letters.set(record.n, await this.#base.store.sealer.openJSON<Letter>(where(record), record.sealed));
    }
  }

  /** The letters with what was sealed of them taken off again: for a device that begins anew and cannot send what another one sealed. */
  static async unsealed(store: Keystore): Promise<Change[]> {
    return Promise.all(
      (await store.outbox()).map(async (record): Promise<Change> => {
        const letter = await store.sealer.openJSON<Letter>(where(record), record.sealed);
        return { in: 'outbox', key: record.n, value: { ...record, sealed: await store.sealer.sealJSON(where(record), { ...letter, request: null }) } };
      }),
    );
  }

  /** The place is reached, or something else changed that may let letters pass. */
  hurry(online: boolean): void {
    this.#online = online;
    this.#wake.abort();
    this.#wake = new AbortController();
    for (const { conv } of this.#letters.values()) void this.#lane(conv);
  }

  stop(): void {
    this.#stopped = true;
    this.#wake.abort();
  }

  /** Writes a message down, shows it, and lets it go. It is durable when this returns. */
  async post(conv: string, id: string, content: Content): Promise<void> {
    const { machine, rows, world } = this.#base;
    if ([...this.#letters.values()].some((one) => one.conv === conv && one.id === id)) return; // asked twice
    const batch = rows.batch();
    let letter: Letter | null = null;
    await machine.run(
      () => undefined,
      async () => {
        if (content.type === 'text' && (await batch.get(conv, id)) !== null) return [];
        letter = { n: Math.max(0, ...this.#letters.keys()) + 1, conv, id, content, at: Date.now(), request: null, failure: null };
        this.#letters.set(letter.n, letter);
        await this.#show(batch, letter);
        return [...(await batch.changes()), ...(await world.changes()), await this.#record(letter)];
      },
      true,
    ).catch((error: unknown) => {
      if (letter !== null) this.#letters.delete(letter.n);
      throw error;
    });
    this.#base.tell([...world.news(), ...(await batch.news())]);
    void this.#lane(conv);
  }

  /** A failed message tries again. */
  async retry(conv: string, id: string): Promise<void> {
    const letter = this.#find(conv, id);
    if (letter === null || letter.failure === null) return;
    letter.failure = null;
    await this.#tellState(letter, this.#online ? 'sending' : 'waiting');
    void this.#lane(conv);
  }

  /** Takes back a message that has not gone out. */
  async discard(conv: string, id: string): Promise<void> {
    const letter = this.#find(conv, id);
    if (letter === null) return;
    if (letter.request !== null && letter.failure === null) {
      throw new Fault('in_flight', 'This message may have arrived already. Once the place is reached again you can delete it.');
    }
    const { machine, rows, world } = this.#base;
    const batch = rows.batch();
    await machine.run(
      (core) => (letter.request === null ? undefined : core.abandon(fromBase64(conv), fromBase64(id))),
      async () => {
        await this.#unshow(batch, letter);
        return [...(await batch.changes()), ...(await world.changes()), { in: 'outbox', key: letter.n }];
      },
    );
    this.#letters.delete(letter.n);
    this.#base.tell([...world.news(), ...(await batch.news())]);
  }

  /** A message of this device came back through the log: part of the transaction that moves the cursor past it. */
  async arrived(batch: Batch, message: Message): Promise<Change[]> {
    const letter = this.#find(message.conversation_id, message.message_id);
    if (letter === null) return [];
    await this.#settle(batch, letter, message.seq, message.created_at);
    return [{ in: 'outbox', key: letter.n }];
  }

  /** That transaction is on the disk. */
  settled(message: Message): void {
    const letter = this.#find(message.conversation_id, message.message_id);
    if (letter !== null) this.#letters.delete(letter.n);
  }

  /** Brings this device's key to whoever asked for it, without waiting until there is something to say. */
  async answerKey(conv: string): Promise<void> {
    if (![...this.#letters.values()].some((one) => one.conv === conv && one.request === null && one.failure === null)) await this.post(conv, newId(), { type: 'session' });
  }

  /** Asks a device for its key by a small event; at most once an hour and five times a day. */
  async requestKey({ conv, device }: { conv: string; device: string }): Promise<void> {
    const { store, machine } = this.#base;
    const key = `asked/${conv}/${device}`;
    const earlier = (await store.note<number[]>(key)) ?? [];
    if (!mayAsk(earlier, Date.now())) return;
    await machine.run(() => undefined, async () => [await store.noting(key, [...earlier, Date.now()].slice(-5))]);
    await this.post(conv, newId(), { type: 'key_request', device });
  }

  async #lane(conv: string): Promise<void> {
    if (this.#lanes.has(conv)) return;
    this.#lanes.add(conv);
    try {
      for (let tries = 0; !this.#stopped; ) {
        const letter = [...this.#letters.values()].filter((one) => one.conv === conv && one.failure === null).sort((a, b) => a.n - b.n)[0];
        if (letter === undefined) return;
        tries = (await this.#try(letter, tries)) ? 0 : tries + 1;
      }
    } finally {
      this.#lanes.delete(conv);
    }
  }

  /** One attempt; whether the lane may go on with the next letter. */
  async #try(letter: Letter, tries: number): Promise<boolean> {
    const wake = this.#wake.signal;
    try {
      if (this.#base.world.conv(letter.conv).held !== null) throw new Fault('identity_changed', '');
      if (letter.request === null) await this.#seal(letter);
      await this.#send(letter);
      return true;
    } catch (error) {
      const [code, status, message] = reason(error);
      const what = verdict(code, status, tries);
      if (what === 'fail') {
        if (error instanceof Fault && status >= 400 && code !== 'message_id_taken') await this.#takeBack(letter);
        await this.#fail(letter, message);
        return true;
      }
      if (what === 'renew') {
        letter.request = null;
        await this.#catchUp().catch(() => undefined);
        if (tries > 1) await this.#sealing.mend(letter.conv).catch(() => undefined);
        return false;
      }
      await this.#tellState(letter, 'waiting');
      if (code === 'unknown_conversation' || code === 'unknown_user') await this.#sealing.mend(letter.conv).catch(() => undefined);
      await sleep(pause(error, tries), wake);
      return false;
    }
  }

  async #seal(letter: Letter): Promise<void> {
    await this.#sealing.seal(letter.conv, letter.id, encode(letter.content), async (request) => {
      letter.request = request;
      return [await this.#record(letter)];
    });
  }

  async #send(letter: Letter): Promise<void> {
    const message = await this.#base.api.post<Message>(`/api/conversations/${letter.conv}/messages`, JSON.parse(letter.request!));
    const { machine, rows, world } = this.#base;
    const batch = rows.batch();
    await machine.run(
      () => undefined,
      async () => {
        const changes = await this.arrived(batch, message);
        return [...changes, ...(await batch.changes()), ...(await world.changes())];
      },
    );
    this.settled(message);
    this.#base.tell([...world.news(), ...(await batch.news())]);
  }

  // The place refused it, so nobody has it: what it carried (keys for what follows among it) goes with the next one, and a retry is sealed anew.
  async #takeBack(letter: Letter): Promise<void> {
    if (letter.request === null) return;
    letter.request = null;
    await this.#base.machine.run((core) => core.abandon(fromBase64(letter.conv), fromBase64(letter.id)), async () => [await this.#record(letter)]);
  }

  async #fail(letter: Letter, message: string): Promise<void> {
    if (letter.content.type === 'text') {
      letter.failure = message;
      return this.#tellState(letter, 'failed');
    }
    // A mark that cannot be made is taken off again; there is no row that could offer to retry it.
    letter.failure = message;
    await this.discard(letter.conv, letter.id);
    if (!silent(letter.content)) this.#base.tell([{ t: 'toast', text: message, tone: 'danger' }]);
  }

  async #tellState(letter: Letter, state: SendState): Promise<void> {
    const { machine, rows, world } = this.#base;
    const batch = rows.batch();
    await machine.run(
      () => undefined,
      async () => {
        const shown = letter.content.type === 'text' ? await batch.get(letter.conv, letter.id) : null;
        if (!this.#letters.has(letter.n) || (shown?.state === state && shown.failure === letter.failure)) return [];
        if (shown !== null) await batch.change(letter.conv, letter.id, (body) => ({ ...body, state, failure: letter.failure }));
        return [...(await batch.changes()), ...(await world.changes()), await this.#record(letter)];
      },
    );
    this.#base.tell([...world.news(), ...(await batch.news())]);
  }

  async #show(batch: Batch, letter: Letter): Promise<void> {
    const { content, conv, id, at, n } = letter;
    if (content.type === 'text') return batch.put(conv, id, unordered + n, this.#body(letter, content));
    const mark = this.#mark(letter);
    if (mark !== null) await batch.mark(conv, target(content), { ...mark, at });
  }

  async #unshow(batch: Batch, { content, conv, id }: Letter): Promise<void> {
    if (content.type === 'text') await batch.remove(conv, id);
    else if (!silent(content)) await batch.change(conv, target(content), (body) => withoutMark(body, id));
  }

  async #settle(batch: Batch, letter: Letter, seq: number, at: number): Promise<void> {
    const { content, conv, id } = letter;
    if (content.type === 'text') {
      const body = (await batch.get(conv, id)) ?? this.#body(letter, content);
      return batch.put(conv, id, seq, { ...body, seq, at, state: 'sent', failure: null });
    }
    const mark = this.#mark(letter);
    if (mark !== null) await batch.change(conv, target(content), (body) => withMark(body, { ...mark, seq, at }));
  }

  #body(letter: Letter, content: Content & { type: 'text' }): Body {
    const { me, device } = this.#base;
    return {
      sender: me, device, at: letter.at, seq: null, kind: 'text', text: content.text, replyTo: content.reply_to ?? null, mentions: content.mentions,
      happening: null, code: '', marks: [], state: this.#online ? 'sending' : 'waiting', failure: null, late: false,
    };
  }

  #mark({ content, id, at }: Letter): Mark | null {
    const whole = { id, by: this.#base.me, at, seq: null };
    if (content.type === 'edit') return { ...whole, what: 'edit', text: content.text, mentions: content.mentions };
    if (content.type === 'react') return { ...whole, what: 'react', emoji: content.emoji, on: content.on };
    return content.type === 'delete' ? { ...whole, what: 'delete' } : null;
  }

  #find(conv: string, id: string): Letter | null {
    for (const one of this.#letters.values()) if (one.conv === conv && one.id === id) return one;
    return null;
  }

  async #record(letter: Letter): Promise<Change> {
    const { n, conv, id } = letter;
    return { in: 'outbox', key: n, value: { n, conv, id, sealed: await this.#base.store.sealer.sealJSON(where(letter), letter) } };
  }
}

const where = ({ n, conv, id }: Pick<OutboxRecord, 'n' | 'conv' | 'id'>): string => `outbox/${n}/${conv}/${id}`;

/** Devices say it to each other; nobody sees it. */
const silent = ({ type }: Content): boolean => type === 'key_request' || type === 'session';

const target = (content: Content): string => ('target' in content ? content.target : '');

function reason(error: unknown): [code: string, status: number, message: string] {
  if (error instanceof Fault) return [error.code, error.status, error.message];
  const known = coreError(error);
  if (known !== null) return [known.code, 0, known.message];
  return ['broken', 0, 'This message could not be sent: something went wrong in this browser. Reload the page and try again.'];
}
