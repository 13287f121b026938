import type { Change } from '../../crypto/keystore.ts';
import type { Core, In, Opened } from '../../crypto/core.d.ts';
import { fromBase64 } from '../../net/base64.ts';
import type { Message } from '../../net/wire.ts';
import { decode, type Content } from '../content.ts';
import type { Body, Mark } from '../marks.ts';
import type { Base } from './base.ts';
import { coreError } from './errors.ts';
import type { Membership } from './membership.ts';
import type { Outbox } from './outbox.ts';
import type { Batch } from './rows.ts';

/** A device that could not be understood, and where. */
export interface Wanting {
  readonly conv: string;
  readonly device: string;
}

/** What a batch brought besides messages. */
interface Found {
  readonly wanting: Wanting[];
  readonly marked: Set<string>;
  /** Messages that could not be opened but may be later. */
  readonly shut: { message: Message; code: string }[];
  /** Devices that brought something besides the message: perhaps a key for earlier ones. */
  readonly bringing: Wanting[];
}

/** A message that could not be opened and may be later, as it is noted for its conversation. */
interface Shut {
  readonly id: string;
  readonly seq: number;
  readonly user: string;
  readonly device: string;
  readonly code: string;
  readonly tries: number;
}

/** The refusals that a new key or an accepted identity may cure. */
const curable: ReadonlySet<string> = new Set(['no_key', 'identity_changed']);
const mostShut = 200;
const mostTries = 5;

/** Messages as they arrive: opened in batches, and kept with the cursor that they were read up to. */
export class Inbox {
  readonly #base: Base;
  readonly #membership: Membership;
  readonly #outbox: Outbox;
  readonly #recount: (conv: string) => Promise<void>;

  constructor(base: Base, membership: Membership, outbox: Outbox, recount: (conv: string) => Promise<void>) {
    this.#base = base;
    this.#membership = membership;
    this.#outbox = outbox;
    this.#recount = recount;
  }

  /** Takes a run of messages in log order and moves the cursor with them, all in one transaction. */
  async take(messages: readonly Message[], cursor: Change): Promise<void> {
    const { bringing } = await this.#take(messages, [cursor], null);
    for (const { conv, device } of bringing) await this.#reopen(conv, (one) => one.device === device);
  }

  /** Tries again what could not be opened because its author's identity was not accepted; from one person, or whoever it is. */
  async reopen(user: string | null): Promise<void> {
    const { world } = this.#base;
    for (const conv of [...world.ids('channel'), ...world.ids('dm')]) {
      await this.#reopen(conv, (one) => one.code === 'identity_changed' && (user === null || one.user === user));
    }
  }

  // What cannot be had from the place just now is tried with the next occasion.
  async #reopen(conv: string, due: (one: Shut) => boolean): Promise<void> {
    const { store, api } = this.#base;
    const again = ((await store.note<Shut[]>(`shut/${conv}`)) ?? []).filter(due).sort((a, b) => b.seq - a.seq);
    const found: Message[] = [];
    try {
      for (let rest = again; rest.length > 0; ) {
        const page = await api.get<{ messages: Message[] }>(`/api/conversations/${conv}/messages?before=${rest[0]!.seq + 1}&limit=100`);
        const [first] = page.messages;
        if (first === undefined) break;
        found.push(...page.messages.filter((one) => rest.some(({ id }) => id === one.message_id)));
        rest = rest.filter((one) => one.seq < first.seq);
      }
    } catch {
      return;
    }
    if (again.length > 0) await this.#take(found.sort((a, b) => a.seq - b.seq), [], { conv, shut: again });
  }

  /** Opens messages and keeps them together with changes; again are those among them that are tried once more. */
  async #take(messages: readonly Message[], changes: readonly Change[], again: { conv: string; shut: readonly Shut[] } | null): Promise<Found> {
    const { machine, rows, world, device } = this.#base;
    const known = new Set<string>();
    for (const conv of new Set(messages.map((one) => one.conversation_id))) {
      if (!this.#membership.knows(conv)) await this.#membership.takeUp(conv);
      if (this.#membership.knows(conv)) known.add(conv);
    }
    const foreign = messages.filter((one) => one.sender_device !== device && known.has(one.conversation_id));
    const batch = rows.batch();
    const asked: Message[] = [];
    const arrivals: Change[] = [];
    const found: Found = { wanting: [], marked: new Set(), shut: [], bringing: [] };
    await machine.run(
      (core) => (foreign.length === 0 ? [] : core.openMany(foreign.map(input))),
      async (opened) => {
        const results = new Map(foreign.map((one, i) => [one, opened[i]!]));
        for (const message of messages) {
          const result = results.get(message);
          if (message.sender_device === device) arrivals.push(...(await this.#outbox.arrived(batch, message)));
          else if (result === undefined) await this.#unreadable(batch, message, 'unknown_conversation');
          else if (await this.#arrive(batch, message, result, found, again !== null)) asked.push(message);
        }
        const written = await batch.changes();
        this.#count(messages, await batch.counting());
        return [...written, ...arrivals, ...(await this.#shutting(found.shut, again)), ...(await world.changes()), ...changes];
      },
    );
    for (const one of messages) if (one.sender_device === device) this.#outbox.settled(one);
    for (const conv of found.marked) if (world.conv(conv).unread > 0) await this.#recount(conv); // an edit or a deletion may have changed what counts
    this.#base.tell([...world.news(), ...(await batch.news())]);
    for (const one of asked) await this.#heed(one);
    if (again === null) for (const one of found.wanting) await this.#outbox.requestKey(one);
    return found;
  }

  /** Notes what is shut now, in place of what was tried again. */
  async #shutting(shut: Found['shut'], again: { conv: string; shut: readonly Shut[] } | null): Promise<Change[]> {
    const { store } = this.#base;
    const changes: Change[] = [];
    for (const conv of new Set([...shut.map(({ message }) => message.conversation_id), ...(again === null ? [] : [again.conv])])) {
      const known = (await store.note<Shut[]>(`shut/${conv}`)) ?? [];
      const now = shut.filter(({ message }) => message.conversation_id === conv).map(({ message, code }): Shut => {
        const tries = known.find(({ id }) => id === message.message_id)?.tries ?? 0;
        return { id: message.message_id, seq: message.seq, user: message.sender_user, device: message.sender_device, code, tries: tries + 1 };
      });
      const over = new Set([...now.map(({ id }) => id), ...(again?.shut ?? []).map(({ id }) => id)]);
      const list = [...known.filter(({ id }) => !over.has(id)), ...now.filter(({ tries }) => tries <= mostTries)].slice(-mostShut);
      changes.push(await store.noting(`shut/${conv}`, list.length === 0 ? null : list));
    }
    return changes;
  }

  /** Puts one opened message where it belongs; true when it is a request for this device's key. */
  async #arrive(batch: Batch, message: Message, opened: Opened, found: Found, again: boolean): Promise<boolean> {
    const from: Wanting = { conv: message.conversation_id, device: message.sender_device };
    if (opened.needKeyRequest) found.wanting.push(from);
    if (opened.status === 'duplicate') return false;
    if (opened.plaintext === null) {
      if (curable.has(opened.code)) found.shut.push({ message, code: opened.code });
      await this.#unreadable(batch, message, opened.code);
      return false;
    }
    if (message.envelope !== undefined && !found.bringing.some((one) => one.conv === from.conv && one.device === from.device)) found.bringing.push(from);
    if (opened.missing > 0) await this.#unreadable(batch, message, 'missing');
    const content = decode(opened.plaintext);
    if (again && content.type !== 'text') await batch.remove(message.conversation_id, message.message_id);
    switch (content.type) {
      case 'text':
        await this.#text(batch, message, content, opened.status === 'late');
        return false;
      case 'edit':
      case 'delete':
      case 'react':
        found.marked.add(message.conversation_id);
        await batch.mark(message.conversation_id, content.target, markOf(message, content));
        return false;
      case 'key_request':
        return content.device === this.#base.device;
      case 'session':
        return false;
      case 'unknown':
        await this.#unreadable(batch, message, 'unknown_type');
        return false;
    }
  }

  async #text(batch: Batch, message: Message, content: Content & { type: 'text' }, late: boolean): Promise<void> {
    const body: Body = {
      ...bodyOf(message), kind: 'text', text: content.text, replyTo: content.reply_to ?? null, mentions: content.mentions, late,
      state: message.sender_user === this.#base.me ? 'sent' : null,
    };
    await batch.put(message.conversation_id, message.message_id, message.seq, body);
  }

  async #unreadable(batch: Batch, message: Message, code: string): Promise<void> {
    const gap = code === 'missing'; // stands before the message that showed it
    const [id, order] = gap ? [`${message.message_id}-gap`, message.seq - 0.5] : [message.message_id, message.seq];
    await batch.put(message.conversation_id, id, order, { ...bodyOf(message), kind: 'unreadable', code });
  }

  #count(messages: readonly Message[], counting: readonly { conv: string; id: string; order: number; mentions: boolean }[]): void {
    const arrived = new Set(messages.map((one) => `${one.conversation_id}/${one.message_id}`));
    for (const one of counting) {
      if (!arrived.has(`${one.conv}/${one.id}`)) continue;
      const meta = this.#base.world.conv(one.conv);
      if (one.order <= meta.readSeq) continue;
      this.#base.world.changeConv(one.conv, { unread: meta.unread + 1, mentions: meta.mentions + (one.mentions ? 1 : 0) });
    }
  }

  // The next thing this device seals there carries the key; it is sealed at once. The core heeds a device only so often.
  async #heed(message: Message): Promise<void> {
    const [conv, user, device] = [message.conversation_id, message.sender_user, message.sender_device].map(fromBase64) as [Uint8Array, Uint8Array, Uint8Array];
    const heed = (core: Core): boolean => {
      core.keyRequested(conv, user, device);
      return core.pending().length > 0;
    };
    try {
      if (await this.#base.machine.run(heed)) await this.#outbox.answerKey(message.conversation_id);
    } catch (error) {
      if (coreError(error) === null) throw error;
      // A device that is not a member's asks in vain.
    }
  }
}

function input(message: Message): In {
  return {
    conv: fromBase64(message.conversation_id),
    msgID: fromBase64(message.message_id),
    senderUser: fromBase64(message.sender_user),
    senderDevice: fromBase64(message.sender_device),
    epoch: message.epoch,
    content: fromBase64(message.ciphertext),
    envelope: message.envelope === undefined ? null : fromBase64(message.envelope),
  };
}

function bodyOf(message: Message): Body {
  return {
    sender: message.sender_user, device: message.sender_device, at: message.created_at, seq: message.seq, kind: 'text', text: '', replyTo: null,
    mentions: [], happening: null, code: '', marks: [], state: null, failure: null, late: false,
  };
}

function markOf(message: Message, content: Content & { type: 'edit' | 'delete' | 'react' }): Mark {
  const whole = { id: message.message_id, by: message.sender_user, at: message.created_at, seq: message.seq };
  if (content.type === 'edit') return { ...whole, what: 'edit', text: content.text, mentions: content.mentions };
  if (content.type === 'react') return { ...whole, what: 'react', emoji: content.emoji, on: content.on };
  return { ...whole, what: 'delete' };
}
