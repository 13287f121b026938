// SPEC.md sections 4.6 and 10.5: one device that opens what others sent it.
import { refuse, same, text, type Bytes } from './bytes.ts';
import { CHANNEL, SenderKey, fits, openContent, parseContent, parseDistribution, parseEnvelope, parsePayload, verifyContent, type Content, type Payload } from './content.ts';
import { Session, parseInitial, parseMessage, party, respond, type Agreement, type Initial, type Own } from './session.ts';
import { deviceOf, type Manifest } from './signed.ts';

/** Arrived is a message with what the server says of it and what this device computed of its conversation: its epoch and state hash. */
export type Arrived = { conv: Bytes; msg: Bytes; user: Bytes; device: Bytes; epoch: number; state: Bytes; content: Bytes; envelope: Bytes | null };

/** Pair is a session with what it is held to: the device at the other end, the Initial that began it, and its number, once heard. */
type Pair = { session: Session; peer: string; began: string; number: number | null };

const KEPT = 5; // sender keys of one device in one channel (8.4)

/** Recipient opens messages with its private keys. It keeps nothing of one that fails anywhere. */
export class Recipient {
  #sessions = new Map<string, Pair>();
  #senderKeys = new Map<string, SenderKey[]>();
  #numbers = new Set<string>();
  #erased = new Set<string>();

  /** manifests are the newest of everybody by the base64url of the user, its own user's too. */
  constructor(readonly user: Bytes, readonly device: Bytes, readonly dh: Bytes, readonly prekeys: readonly Own[], readonly manifests: ReadonlyMap<string, Manifest>) {}

  /** party is this device as 4.1 writes it. */
  get party(): Bytes {
    return party(this.manifests.get(text(this.user))!, this.device);
  }

  /** open opens a message and returns its frame (7.3). */
  open(arrived: Arrived) {
    const content = parseContent(arrived.content);
    const sender = this.#sender(content, arrived);
    const keeps: (() => void)[] = [];
    const payload = arrived.envelope && this.#payload(arrived.envelope, content, sender, keeps);
    const key = content.kind === CHANNEL ? this.#channelKey(content, payload, keeps) : dmKey(payload);
    const frame = openContent(content, key);
    const number = `${text(content.conv)}/${text(content.user)}/${text(content.device)}/${frame.number}`;
    refuse(!this.#numbers.has(number), 'a number that was taken', 'repeated');
    for (const keep of keeps) keep();
    this.#numbers.add(number);
    return { ...frame, hash: content.hash };
  }

  /** #sender checks the header against the server's word and the view, and returns the sender's manifest. */
  #sender(content: Content, arrived: Arrived): Manifest {
    refuse(same(content.conv, arrived.conv) && same(content.msg, arrived.msg) && same(content.user, arrived.user) && same(content.device, arrived.device), 'not what the server says');
    refuse(!(same(content.user, this.user) && same(content.device, this.device)), 'an own message');
    const manifest = this.manifests.get(text(content.user));
    refuse(manifest !== undefined && deviceOf(manifest, content.user, content.device).removed === 0, 'a sender whose device is not in use');
    refuse(content.epoch === arrived.epoch && same(content.state, arrived.state), 'another view');
    return manifest;
  }

  #payload(envelope: Bytes, content: Content, sender: Manifest, keeps: (() => void)[]): Payload {
    const { session: transcript, message } = parseEnvelope(envelope);
    const name = text(transcript);
    const peer = party(sender, content.device);
    const initial = message[1] === 2 ? parseInitial(message) : null;
    const pair = this.#sessions.get(name) ?? this.#begin(initial, peer, transcript, keeps);
    refuse(pair.peer === text(peer), 'a session with another device');
    refuse(!initial || pair.began === began(initial), 'another Initial than the one that began the session');
    const around = { conv: content.conv, from: content, to: this, msg: content.msg };
    const opened = pair.session.open(initial ? initial.message : message, around);
    const payload = parsePayload(opened.plain);
    refuse(pair.number === null || payload.number === pair.number, 'another number of the session');
    keeps.push(opened.keep, () => this.#sessions.set(name, { ...pair, number: payload.number }));
    refuse(same(payload.content, content.hash), 'the payload of another content');
    refuse(payload.type === content.kind, 'the payload of another kind of content');
    return payload;
  }

  #begin(initial: Initial | null, peer: Bytes, transcript: Bytes, keeps: (() => void)[]): Pair {
    refuse(initial !== null, 'a session that is not known');
    const agreed = this.agree(initial, peer);
    refuse(same(agreed.transcript, transcript), 'the transcript of another handshake');
    keeps.push(() => {
      if (initial.used) this.#erased.add(`2/${initial.oneTime}`);
      if (initial.kemKind === 3) this.#erased.add(`3/${initial.kem}`);
    });
    return { session: Session.responder(agreed.transcript, agreed.secret, agreed.spk.secret), peer: text(peer), began: began(initial), number: null };
  }

  /** agree is what an Initial of that party leads to, which must name prekeys that are still there (4.6). */
  agree(initial: Initial, peer: Bytes): Agreement {
    const find = (kind: number, id: number) => (this.#erased.has(`${kind}/${id}`) ? undefined : this.prekeys.find(({ prekey }) => prekey.kind === kind && prekey.id === id));
    return respond(peer, this.party, this.dh, initial, find);
  }

  /**
   * sent makes the steps that this device made when it sealed an envelope, so that answers open. The one that it went to agrees on its behalf, and
   * privateOf finds private ratchet keys.
   */
  sent(envelope: Bytes, to: Recipient, privateOf: (key: Bytes) => Bytes): void {
    const { session: transcript, message } = parseEnvelope(envelope);
    const initial = message[1] === 2 ? parseInitial(message) : null;
    const own = privateOf(parseMessage(initial?.message ?? message).key);
    const pair = this.#sessions.get(text(transcript));
    if (pair) return void pair.session.turn(own);
    refuse(initial !== null, 'a session that is not known');
    const { secret, spk } = to.agree(initial, this.party);
    this.#sessions.set(text(transcript), { session: Session.initiator(transcript, secret, spk.prekey.public, own), peer: text(to.party), began: '', number: null });
  }

  #channelKey(content: Content, payload: Payload | null, keeps: (() => void)[]): Bytes {
    const name = `${text(content.conv)}/${text(content.user)}/${text(content.device)}`;
    const known = this.#senderKeys.get(name) ?? [];
    let senderKey = known.find(({ about }) => same(about.keyId, content.sender!.keyId));
    if (payload) {
      const about = parseDistribution(payload.body);
      fits(about, content);
      senderKey ??= new SenderKey(about); // one that is known stays as it is
    }
    refuse(senderKey !== undefined, 'a sender key that did not arrive', 'no_key');
    fits(senderKey.about, content);
    verifyContent(content, senderKey.about.signing);
    const found = senderKey.key(content.sender!.iteration);
    const all = known.includes(senderKey) ? known : [...known, senderKey].slice(-KEPT);
    keeps.push(found.keep, () => this.#senderKeys.set(name, all));
    return found.messageKey;
  }
}

function dmKey(payload: Payload | null): Bytes {
  refuse(payload !== null, 'no envelope for this device', 'no_key');
  return payload.body;
}

/** began is an Initial but for the ratchet message in it. */
const began = ({ message: _, ...initial }: Initial): string => JSON.stringify(initial, (_key, value) => (value instanceof Uint8Array ? text(value) : value));
