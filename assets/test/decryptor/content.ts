// SPEC.md sections 7 and 8: contents, pairwise envelopes, payloads and sender keys.
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { Reader, ascii, join, refuse, same, type Bytes } from './bytes.ts';
import { edPublic, hash, openBox, unpad, verify } from './prim.ts';

export const DM = 1, CHANNEL = 2;

export type Content = ReturnType<typeof parseContent>;

/** parseContent parses a person's message (7.2) and refuses a webhook's by a code of its own (7.7). */
export function parseContent(all: Bytes) {
  const content = Reader.read(all, (from) => {
    from.suite();
    const kind = from.u8();
    refuse(kind !== 3, "a webhook's post", 'plaintext');
    refuse(kind === DM || kind === CHANNEL, 'another kind of content');
    const start = { kind, conv: from.take(32), msg: from.take(16), user: from.take(16), device: from.take(16), epoch: from.u64(), state: from.take(32) };
    const sender = kind === CHANNEL ? { keyId: from.take(16), iteration: from.u32() } : null;
    const box = { nonce: from.take(24), commit: from.take(32), header: from.before(), ciphertext: from.var(65552) };
    return { ...start, sender, ...box, signature: kind === CHANNEL ? from.take(64) : null };
  });
  return { ...content, hash: hash('chatalot/content/v1\0', all) };
}

/** verifyContent checks the signature of a channel's content, which comes before any other use of it (7.4). */
export function verifyContent(content: Content, signing: Bytes): void {
  verify(signing, 'chatalot/skmsg/v1\0', join(content.header, content.ciphertext), content.signature!);
}

/** openContent opens a content with its message key and returns the frame (7.3). */
export function openContent({ header, nonce, commit, ciphertext }: Content, messageKey: Bytes) {
  const frame = unpad(openBox({ secret: messageKey, label: 'chatalot/message/v1\0', nonce, ad: header }, commit, ciphertext));
  return parseFrame(frame);
}

/** parseFrame's version is no reason for an error of its own: all that is wrong behind the commitment is one error (7.4). */
function parseFrame(all: Bytes) {
  refuse(all[0] === 1, 'another version of the frame');
  return Reader.read(all, (from) => {
    const frame = { sent: from.u64(), number: from.u64(), lastSeen: from.take(32), plaintext: from.var(65482) };
    refuse(frame.number >= 1, 'numbers count from 1');
    return frame;
  });
}

/** parseEnvelope parses a pairwise envelope (7.5). */
export function parseEnvelope(all: Bytes) {
  refuse(all.length <= 4096, 'a pairwise envelope too long');
  return Reader.read(all, (from) => {
    from.suite();
    return { session: from.take(32), message: from.var(4096) };
  });
}

export type Payload = ReturnType<typeof parsePayload>;

/** parsePayload parses what a pairwise envelope held (7.6): a message key of 32 bytes, or a distribution. */
export function parsePayload(all: Bytes) {
  return Reader.read(all, (from) => {
    const payload = { type: from.u8(), number: from.u32(), content: from.take(32), body: from.var(4096) };
    refuse((payload.type === 1 && payload.body.length === 32) || payload.type === 2, 'another payload');
    refuse(payload.number >= 1, 'numbers count from 1');
    return payload;
  });
}

export type Distribution = ReturnType<typeof parseDistribution>;

/** parseDistribution parses a distribution of a sender key (8.3). */
export function parseDistribution(all: Bytes) {
  return Reader.read(all, (from) => ({
    conv: from.take(32),
    epoch: from.u64(),
    state: from.take(32),
    device: from.take(16),
    keyId: from.take(16),
    iteration: from.u32(),
    chain: from.take(32),
    signing: edPublic(from.take(32)),
  }));
}

const AHEAD = 2000;

/** SenderKey reads one sender key (8.2, 8.4). Its age does not matter to a test. */
export class SenderKey {
  #chain: Bytes;
  #next: number;
  #skipped = new Map<number, Bytes>();

  constructor(readonly about: Distribution) {
    [this.#chain, this.#next] = [about.chain, about.iteration];
  }

  /** key is the message key at a place of the chain; the change holds from keep on. */
  key(at: number): { messageKey: Bytes; keep: () => void } {
    if (at < this.#next) {
      const messageKey = this.#skipped.get(at);
      refuse(messageKey !== undefined, 'used before');
      return { messageKey, keep: () => this.#skipped.delete(at) };
    }
    refuse(at - this.#next <= AHEAD && at < 2 ** 32 - 1, 'too far ahead');
    const skipped = new Map(this.#skipped);
    let chain = this.#chain;
    for (let n = this.#next; n < at; n++, chain = step(chain, 'chatalot/skchain/v1\0')) skipped.set(n, step(chain, 'chatalot/skmessage/v1\0'));
    for (const oldest of skipped.keys()) if (skipped.size > AHEAD) skipped.delete(oldest);
    const keep = () => ([this.#chain, this.#next, this.#skipped] = [step(chain, 'chatalot/skchain/v1\0'), at + 1, skipped]);
    return { messageKey: step(chain, 'chatalot/skmessage/v1\0'), keep };
  }
}

const step = (chain: Bytes, label: string): Bytes => hmac(sha256, chain, ascii(label));

/** fits refuses a distribution that does not say what the content's header says with which it came (8.3). */
export function fits(about: Distribution, content: Content): void {
  const one = ({ conv, state, device, keyId }: { conv: Bytes; state: Bytes; device: Bytes; keyId: Bytes }) => join(conv, state, device, keyId);
  refuse(content.sender !== null && about.epoch === content.epoch && same(one(about), one({ ...content, keyId: content.sender.keyId })), 'the distribution of another sender key');
}
