import type { Change } from '../../crypto/keystore.ts';
import type { In, Opened } from '../../crypto/core.d.ts';
import { fromBase64 } from '../../net/base64.ts';
import type { Message } from '../../net/wire.ts';
import { decode, type Content } from '../content.ts';
import type { Body, Mark } from '../marks.ts';
import type { Base } from './base.ts';
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
}

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
    const { machine, rows, world, device } = this.#base;
    const known = new Set<string>();
    for (const conv of new Set(messages.map((one) => one.conversation_id))) {
      if (!this.#membership.knows(conv)) await this.#membership.takeUp(conv);
      if (this.#membership.knows(conv)) known.add(conv);
    }
    const foreign = messages.filter((one) => one.sender_device !== device && known.has(one.conversation_id));
    const batch = rows.batch();
    const wanting: Wanting[] = [];
    const asked: Message[] = [];
    const arrivals: Change[] = [];
    const marked = new Set<string>();
    await machine.run(
      (core) => (foreign.length === 0 ? [] : core.openMany(foreign.map(input))),
      async (opened) => {
        const results = new Map(foreign.map((one, i) => [one, opened[i]!]));
        for (const message of messages) {
          const result = results.get(message);
          if (message.sender_device === device) arrivals.push(...(await this.#outbox.arrived(batch, message)));
          else if (result === undefined) await this.#unreadable(batch, message, 'unknown_conversation');
          else if (await this.#arrive(batch, message, result, { wanting, marked })) asked.push(message);
        }
        const written = await batch.changes();
        this.#count(messages, await batch.counting());
        return [...written, ...arrivals, ...(await world.changes()), cursor];
      },
    );
    for (const one of messages) if (one.sender_device === device) this.#outbox.settled(one);
    for (const conv of marked) if (world.conv(conv).unread > 0) await this.#recount(conv); // an edit or a deletion may have changed what counts
    this.#base.tell([...world.news(), ...(await batch.news())]);
    for (const one of asked) await this.#heed(one);
    for (const one of wanting) await this.#outbox.requestKey(one);
  }

  /** Puts one opened message where it belongs; true when it is a request for this device's key. */
  async #arrive(batch: Batch, message: Message, opened: Opened, found: Found): Promise<boolean> {
    if (opened.needKeyRequest) found.wanting.push({ conv: message.conversation_id, device: message.sender_device });
    if (opened.status === 'duplicate') return false;
    if (opened.plaintext === null) {
      await this.#unreadable(batch, message, opened.code);
      return false;
    }
    if (opened.missing > 0) await this.#unreadable(batch, message, 'missing');
    const content = decode(opened.plaintext);
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

  // The next thing this device seals there carries the key.
  async #heed(message: Message): Promise<void> {
    const conv = fromBase64(message.conversation_id);
    const { machine } = this.#base;
    try {
      await machine.run((core) => core.keyRequested(conv, fromBase64(message.sender_user), fromBase64(message.sender_device)));
    } catch {
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
