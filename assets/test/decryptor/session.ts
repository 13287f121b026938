// SPEC.md sections 4 and 5: PQXDH and the Double Ratchet.
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { Reader, ascending, join, refuse, same, uint, type Bytes } from './bytes.ts';
import { commitOf, decapsulate, derive, dh, encapsulate, hash, openBox, sealBox, xPublic, xPublicOf, type Box } from './prim.ts';
import { deviceOf, type Manifest, type Prekey } from './signed.ts';

/** party is a device as 4.1 writes it. */
export function party(manifest: Manifest, device: Bytes): Bytes {
  const { ed25519, x25519 } = deviceOf(manifest, manifest.user, device);
  return join(manifest.user, manifest.msk, device, ed25519, x25519);
}
const identityKey = (party: Bytes): Bytes => party.slice(96);

export type Initial = ReturnType<typeof parseInitial>;

/** parseInitial parses the envelope of 4.5. */
export function parseInitial(all: Bytes) {
  return Reader.read(all, (from) => {
    refuse(from.u8() === 2, 'no Initial');
    from.suite();
    const initial = { ek: xPublic(from.take(32)), signed: from.u32(), used: from.bool(), oneTime: from.u32(), kemKind: from.u8(), kem: from.u32(), ct: from.var(1088), message: from.var(8192) };
    refuse(initial.used || initial.oneTime === 0, 'an id of a prekey that was not used');
    refuse(initial.kemKind === 3 || initial.kemKind === 4, 'another kind of KEM prekey');
    refuse(initial.ct.length === 1088, 'a KEM ciphertext of another length');
    return initial;
  });
}

/** Own is a prekey of the responder with its private half. */
export type Own = { prekey: Prekey; secret: Bytes };
export type Agreement = { transcript: Bytes; secret: Bytes; spk: Own };

/** respond is the responder's half of 4.4, with its prekeys looked up by kind and id (4.6). */
export function respond(a: Bytes, b: Bytes, ikPrivate: Bytes, initial: Initial, find: (kind: number, id: number) => Own | undefined): Agreement {
  const [spk, kem] = [find(1, initial.signed), find(initial.kemKind, initial.kem)];
  const opk = initial.used ? find(2, initial.oneTime) : undefined;
  refuse(spk !== undefined && kem !== undefined && initial.used === (opk !== undefined), 'a prekey is missing');
  const transcript = transcriptOf(a, b, initial.ek, { spk: spk.prekey, opk: opk?.prekey, kem: kem.prekey }, initial.ct);
  const legs = [dh(spk.secret, identityKey(a)), dh(ikPrivate, initial.ek), dh(spk.secret, initial.ek), ...(opk ? [dh(opk.secret, initial.ek)] : [])];
  return { transcript, secret: agree(legs, decapsulate(kem.secret, initial.ct), transcript), spk };
}

export type Bundle = { spk: Prekey; opk: Prekey | undefined; kem: Prekey };

/** initiate is the initiator's half, with its randomness given. */
export function initiate(a: Bytes, b: Bytes, ikPrivate: Bytes, ekPrivate: Bytes, random: Bytes, { spk, opk, kem }: Bundle) {
  const { cipherText, sharedSecret } = encapsulate(kem.public, random);
  const transcript = transcriptOf(a, b, xPublicOf(ekPrivate), { spk, opk, kem }, cipherText);
  const legs = [dh(ikPrivate, spk.public), dh(ekPrivate, identityKey(b)), dh(ekPrivate, spk.public), ...(opk ? [dh(ekPrivate, opk.public)] : [])];
  return { ct: cipherText, transcript, secret: agree(legs, sharedSecret, transcript) };
}

function transcriptOf(a: Bytes, b: Bytes, ek: Bytes, { spk, opk, kem }: Bundle, ct: Bytes): Bytes {
  const oneTime = opk ? [uint(1, 1), uint(opk.id, 4), opk.public] : [uint(0, 1)];
  return hash('chatalot/pqxdh-transcript/v1\0', uint(1, 1), a, b, ek, uint(spk.id, 4), spk.public, ...oneTime, uint(kem.kind, 1), uint(kem.id, 4), kem.public, ct);
}

const agree = (legs: Bytes[], ss: Bytes, transcript: Bytes): Bytes => derive(join(new Uint8Array(32).fill(0xff), ...legs, ss), null, 'chatalot/pqxdh/v1\0', transcript, 32);

export type Message = ReturnType<typeof parseMessage>;

/** parseMessage parses a ratchet message (5.4). */
export function parseMessage(all: Bytes) {
  refuse(all.length <= 8192, 'a ratchet message too long');
  return Reader.read(all, (from) => {
    refuse(from.u8() === 1, 'no ratchet message');
    from.suite();
    const message = { key: xPublic(from.take(32)), prev: from.u32(), n: from.u32(), nonce: from.take(24), commit: from.take(32), extensions: from.list(16, () => ({ type: from.take(1), value: from.var() })) };
    refuse(message.prev <= 2 ** 31 && message.n < 2 ** 31, 'a counter too large');
    ascending(message.extensions.map(({ type }) => type));
    refuse(message.extensions.every(({ type }) => type[0]! < 0x80), 'an extension that must be understood');
    return { ...message, header: from.before(), ciphertext: from.var() };
  });
}

/** Around is what both sides know of a message from the message around it: the rest of the associated data. */
export type Around = { conv: Bytes; from: { user: Bytes; device: Bytes }; to: { user: Bytes; device: Bytes }; msg: Bytes };

/** step is the symmetric step of 5.3. */
const step = (chain: Bytes) => ({ messageKey: hmac(sha256, chain, uint(1, 1)), chain: hmac(sha256, chain, uint(2, 1)) });

const LABEL = 'chatalot/ratchet-message/v1\0';

function boxOf(transcript: Bytes, secret: Bytes, nonce: Bytes, header: Bytes, { conv, from, to, msg }: Around): Box {
  return { secret, label: LABEL, nonce, ad: join(transcript, header, conv, from.user, from.device, to.user, to.device, msg) };
}

/** sealMessage is a message of 5.4 in all its bytes. */
export function sealMessage(transcript: Bytes, messageKey: Bytes, fields: Pick<Message, 'key' | 'prev' | 'n' | 'nonce'>, plain: Bytes, around: Around): Bytes {
  const { key, prev, n, nonce } = fields;
  const header = join(uint(1, 1), uint(1, 1), uint(1, 1), key, uint(prev, 4), uint(n, 4), nonce, commitOf(messageKey, LABEL), uint(0, 2));
  const sealed = sealBox(boxOf(transcript, messageKey, nonce, header, around), plain);
  return join(header, uint(sealed.length, 4), sealed);
}

type Sending = { chain: Bytes; n: number; prev: number };
type Receiving = { key: Bytes; chain: Bytes; next: number; skipped: Map<number, Bytes> };
type State = { root: Bytes; own: Bytes; sending: Sending | null; receiving: Receiving[]; mayTurn: boolean };

/** Session is one side of a Double Ratchet (5.1). Its private ratchet keys and nonces are given, so that what it seals is fixed. */
export class Session {
  #state: State;

  private constructor(readonly transcript: Bytes, root: Bytes, own: Bytes) {
    this.#state = { root, own, sending: null, receiving: [], mayTurn: false };
  }

  static initiator(transcript: Bytes, secret: Bytes, spk: Bytes, own: Bytes): Session {
    const session = new Session(transcript, secret, own);
    session.#turn(session.#state, spk);
    return session;
  }

  static responder(transcript: Bytes, secret: Bytes, spkPrivate: Bytes): Session {
    return new Session(transcript, secret, spkPrivate);
  }

  /** turn is the own turn, which 5.2 has before the next sealing once the peer's has come; it says whether it was due. */
  turn(own: Bytes): boolean {
    const state = this.#state;
    if (!state.mayTurn) return false;
    state.own = own;
    this.#turn(state, state.receiving.at(-1)!.key);
    return true;
  }

  #turn(state: State, peer: Bytes): void {
    const prev = state.sending?.n ?? 0;
    state.sending = { chain: this.#root(state, peer), n: 0, prev };
    state.mayTurn = false;
  }

  /** #root advances the root by an exchange and returns the new chain's key. */
  #root(state: State, peer: Bytes): Bytes {
    const both = derive(dh(state.own, peer), state.root, 'chatalot/ratchet-root/v1\0', new Uint8Array(), 64);
    state.root = both.slice(0, 32);
    return both.slice(32);
  }

  /** seal seals the next message of the sending chain. */
  seal(plain: Bytes, nonce: Bytes, around: Around): Bytes {
    const { sending, own } = this.#state;
    if (!sending) throw new Error('a responder seals nothing before it has opened');
    const { messageKey, chain } = step(sending.chain);
    this.#state.sending = { ...sending, chain, n: sending.n + 1 };
    return sealMessage(this.transcript, messageKey, { key: xPublicOf(own), prev: sending.prev, n: sending.n, nonce }, plain, around);
  }

  /** open opens a message (5.5). The state it led to holds from keep on, for the caller has checks to make as well (10.5). */
  open(all: Bytes, around: Around): { plain: Bytes; messageKey: Bytes; keep: () => void } {
    const message = parseMessage(all);
    const copy: State = { ...this.#state, receiving: this.#state.receiving.map((chain) => ({ ...chain, skipped: new Map(chain.skipped) })) };
    const messageKey = this.#messageKey(copy, message);
    const plain = openBox(boxOf(this.transcript, messageKey, message.nonce, message.header, around), message.commit, message.ciphertext);
    return { plain, messageKey, keep: () => (this.#state = copy) };
  }

  #messageKey(state: State, { key, prev, n }: Message): Bytes {
    const known = state.receiving.find((chain) => same(chain.key, key));
    const newest = state.receiving.at(-1);
    if (known && n < known.next) {
      const skipped = known.skipped.get(n);
      refuse(skipped !== undefined, 'opened before, or too late');
      known.skipped.delete(n);
      return skipped;
    }
    if (known) {
      refuse(known === newest, 'behind the end of an older chain');
      refuse(n - known.next <= 1000, 'too far ahead');
      return advance(state, known, n);
    }
    refuse(!state.mayTurn, 'out of order: a second new key before the own turn');
    const left = newest ? Math.max(0, prev - newest.next) : 0;
    refuse(left + n <= 1000, 'too far ahead');
    if (newest) skip(newest, prev);
    const chain = { key, chain: this.#root(state, key), next: 0, skipped: new Map() };
    state.receiving = [...state.receiving, chain].slice(-5);
    state.mayTurn = true;
    return advance(state, chain, n);
  }
}

/** skip keeps the keys of a chain up to, and without, n. */
function skip(chain: Receiving, n: number): void {
  for (; chain.next < n; chain.next++) {
    const stepped = step(chain.chain);
    chain.skipped.set(chain.next, stepped.messageKey);
    chain.chain = stepped.chain;
  }
}

/** advance skips up to n, takes its key, and drops the oldest skipped keys above 2,000. Their age (5.5) does not matter to a test. */
function advance(state: State, chain: Receiving, n: number): Bytes {
  skip(chain, n);
  const stepped = step(chain.chain);
  [chain.chain, chain.next] = [stepped.chain, n + 1];
  let many = state.receiving.reduce((sum, { skipped }) => sum + skipped.size, 0) - 2000;
  for (const { skipped } of state.receiving) for (const at of skipped.keys()) if (many-- > 0) skipped.delete(at);
  return stepped.messageKey;
}
