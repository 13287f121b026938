// What one device sent another in a DM and a channel, opened with the recipient's private keys: frozen, or sealed a moment ago.
import assert from 'node:assert/strict';
import { bytes, text, type Bytes } from './bytes.ts';
import { Recipient, type Arrived } from './device.ts';
import { dmStateHash, follow, stateHash, type Group } from './group.ts';
import { edPublicOf, kemPublicOf, xPublicOf } from './prim.ts';
import { deviceOf, dmConversation, parseManifest, parseOp, parsePrekey, verifyOp, verifyPrekey, type Manifest } from './signed.ts';
import { changed, is, refused, type ConversationVectors } from './vectors.ts';

type Sent = ConversationVectors['Messages'][number];

/** Opened is a conversation's recipient and its messages, ready to be opened in any order. */
export type Opened = { recipient: () => Recipient; messages: { sent: Sent; arrived: Arrived }[] };

/** prepare verifies everything signed in a conversation and computes each message's state hash. */
export function prepare(vector: ConversationVectors): Opened {
  const people = [vector.Alice, vector.Bob].map(({ Manifest }) => parseManifest(bytes(Manifest)));
  const [alice, bob] = people as [Manifest, Manifest];
  const [from, to] = [vector.Alice, vector.Bob].map(({ User, Device }) => ({ user: bytes(User), device: bytes(Device) })) as [Named, Named];
  const listed = deviceOf(bob, to.user, to.device);
  is(edPublicOf(bytes(vector.Sign)), text(listed.ed25519));
  is(xPublicOf(bytes(vector.DH)), text(listed.x25519));
  const prekeys = vector.Prekeys.map(({ Statement, Secret }) => {
    const prekey = parsePrekey(bytes(Statement));
    verifyPrekey(prekey, bob, vector.Now);
    is((prekey.kind <= 2 ? xPublicOf : kemPublicOf)(bytes(Secret)), text(prekey.public));
    return { prekey, secret: bytes(Secret) };
  });
  const group = channel(vector, people);
  const messages = vector.Messages.map((sent) => {
    const [conv, state] = sent.Kind === 'dm' ? dm(sent, alice, bob) : [group.conv, channelState(group, sent.Epoch, people)];
    is(conv, sent.Conv);
    is(state, sent.State);
    return { sent, arrived: { conv, msg: bytes(sent.Msg), ...from, epoch: sent.Epoch, state, content: bytes(sent.Content), envelope: sent.Envelope ? bytes(sent.Envelope) : null } };
  });
  return { recipient: () => new Recipient(to.user, to.device, bytes(vector.DH), prekeys, new Map(people.map((one) => [text(one.user), one]))), messages };
}
type Named = { user: Bytes; device: Bytes };

function dm({ Epoch }: Sent, alice: Manifest, bob: Manifest): [Bytes, Bytes] {
  const conv = dmConversation(alice.user, bob.user);
  return [conv, dmStateHash(conv, Epoch, [alice, bob].map(({ user, hash }) => ({ user, manifest: hash })))];
}

function channel({ Ops }: ConversationVectors, people: Manifest[]): Group {
  const manifestOf = (user: Bytes) => people.find((one) => text(one.user) === text(user))!;
  let group: Group | null = null;
  for (const encoded of Ops) {
    const op = parseOp(bytes(encoded));
    verifyOp(op, manifestOf(op.actor));
    group = follow(group, op);
  }
  assert.ok(group);
  return group;
}

function channelState({ conv, n, head, members }: Group, epoch: number, people: Manifest[]): Bytes {
  const all = people.filter(({ user }) => members.has(text(user))).map(({ user, hash }) => ({ user, role: members.get(text(user))!, manifest: hash }));
  assert.equal(all.length, members.size);
  return stateHash(conv, epoch, n, head, all);
}

/** opens claims that a message opens to what was sealed, and only as it was sealed. */
export function opens(recipient: Recipient, { sent, arrived }: Opened['messages'][number]): void {
  for (const content of changed(arrived.content, 7)) refused(() => recipient.open({ ...arrived, content }), 'a changed content');
  if (arrived.envelope) for (const envelope of changed(arrived.envelope, 7)) refused(() => recipient.open({ ...arrived, envelope }), 'a changed envelope');
  const frame = recipient.open(arrived);
  assert.deepEqual([text(frame.plaintext), frame.sent, frame.number], [sent.Plaintext, sent.SentAt, sent.Counter]);
  refused(() => recipient.open(arrived), 'a message that comes again');
}
