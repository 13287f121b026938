// A second implementation, written from SPEC.md alone, against the frozen examples of the first.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { ascii, bytes, little, same, text, uint, join, type Bytes } from './bytes.ts';
import { opens, prepare } from './conversation.ts';
import { SenderKey, openContent, parseContent, parseDistribution, parseEnvelope, parsePayload, verifyContent } from './content.ts';
import { dmStateHash, follow, stateHash, type Group } from './group.ts';
import { derive, edPublic, edPublicOf, kemPublicOf, verify, xPublic, xPublicOf } from './prim.ts';
import { Session, initiate, parseInitial, parseMessage, party, respond, sealMessage } from './session.ts';
import { deviceOf, dmConversation, parseManifest, parseOp, parsePrekey, safetyNumber, succeed, verifyOp, verifyPrekey, type Manifest } from './signed.ts';
import { openVault, recoveryKey } from './vault.ts';
import { changed, is, read, refused, type ContentVectors, type ConversationVectors, type GroupVectors, type PQXDHVectors, type RatchetVectors, type SenderKeyVectors, type SignedVectors, type VaultVectors } from './vectors.ts';

const signed = read<SignedVectors>('signed');
const manifests = signed.Manifests.map(({ Encoded }) => parseManifest(bytes(Encoded)));
/** The manifest that lists every device of the examples, none of them removed. */
const full = manifests[1]!;

test('manifests verify, have their hashes and follow one another', () => {
  let known: Manifest | null = null;
  manifests.forEach((manifest, i) => {
    is(manifest.hash, signed.Manifests[i]!.Hash);
    is(manifest.user, signed.User);
    assert.equal(succeed(manifest, known), known ? 'next' : 'first');
    assert.equal(succeed(manifest, manifest), 'same');
    if (known) refused(() => succeed(known!, manifest), 'a rollback');
    known = manifest;
  });
  is(full.msk, text(edPublicOf(bytes(signed.MSKSeed))));
  is(full.ssk, text(edPublicOf(bytes(signed.SSKSeed))));
  for (const { ID, Ed25519Seed, X25519Private, X25519Public } of signed.Devices) {
    const device = deviceOf(full, full.user, bytes(ID));
    is(edPublicOf(bytes(Ed25519Seed)), text(device.ed25519));
    is(xPublicOf(bytes(X25519Private)), X25519Public);
    is(device.x25519, X25519Public);
  }
});

test('prekeys verify under the manifest, and their private halves fit', () => {
  for (const { Kind, Encoded, Secret } of signed.Prekeys) {
    const prekey = parsePrekey(bytes(Encoded));
    assert.equal(prekey.kind, Kind);
    verifyPrekey(prekey, full, prekey.created);
    refused(() => verifyPrekey(prekey, full, prekey.expires), 'expired');
    is((Kind <= 2 ? xPublicOf : kemPublicOf)(bytes(Secret)), text(prekey.public));
  }
});

test('operations verify, and have their hashes and conversations', () => {
  for (const { What, Encoded, Hash, Conv } of signed.Ops) {
    const op = parseOp(bytes(Encoded));
    verifyOp(op, full);
    is(op.hash, Hash, What);
    is(op.conv, Conv, What);
  }
});

test('conversations of two and safety numbers are the same from both sides', () => {
  const { DM, Safety } = signed;
  is(dmConversation(bytes(DM.A), bytes(DM.B)), DM.Conv);
  is(dmConversation(bytes(DM.B), bytes(DM.A)), DM.Conv);
  const [a, b] = [{ user: bytes(Safety.A), msk: bytes(Safety.AMSK) }, { user: bytes(Safety.B), msk: bytes(Safety.BMSK) }];
  assert.equal(safetyNumber(a, b), Safety.Digits);
  assert.equal(safetyNumber(b, a), Safety.Digits);
});

test('keys and statements that nobody may accept are refused', () => {
  for (const key of signed.Refused.Ed25519) refused(() => edPublic(bytes(key)), key);
  for (const key of signed.Refused.X25519) refused(() => xPublic(bytes(key)), key);
  for (const { Kind, Why, Encoded } of signed.Refused.Statements) refused(() => accept[Kind](bytes(Encoded)), `${Kind}: ${Why}`);
  for (const { Encoded } of signed.Manifests) for (const bad of changed(bytes(Encoded))) refused(() => accept.manifest(bad), 'a changed manifest');
  for (const { Encoded } of signed.Ops) for (const bad of changed(bytes(Encoded))) refused(() => accept.op(bad), 'a changed operation');
  for (const { Encoded } of signed.Prekeys) for (const bad of changed(bytes(Encoded))) refused(() => accept.prekey(bad), 'a changed prekey');
});

const accept = {
  manifest: (b: Bytes): unknown => parseManifest(b),
  op: (b: Bytes): unknown => verifyOp(parseOp(b), full),
  prekey: (b: Bytes): unknown => verifyPrekey(parsePrekey(b), full),
};

test('a signature is refused that verifies only with the cofactor', () => {
  const { Point } = ed25519;
  const message = ascii('label\0message');
  const { scalar } = ed25519.utils.getExtendedPublicKey(bytes(signed.SSKSeed));
  const [nonce, torsion] = [Point.Fn.fromBytes(new Uint8Array(32).fill(7)), Point.fromHex(ED25519_TORSION_SUBGROUP[1]!)];
  const r = Point.BASE.multiply(nonce).add(torsion).toBytes();
  const s = Point.Fn.create(nonce + scalar * Point.Fn.create(little(sha512(join(r, full.ssk, message)))));
  const signature = join(r, Point.Fn.toBytes(s));
  assert.ok(ed25519.verify(signature, message, full.ssk), 'the example is none');
  refused(() => verify(full.ssk, 'label\0', ascii('message'), signature), 'with the cofactor only', 'bad_signature');
});

for (const vector of read<PQXDHVectors>('pqxdh')) {
  test(`PQXDH ${vector.What}: both sides agree and the first message opens`, () => {
    const [ours, theirs] = [vector.Responder, vector.Initiator].map(({ Manifest, Device, X25519Private }) => {
      const manifest = parseManifest(bytes(Manifest));
      is(xPublicOf(bytes(X25519Private)), text(deviceOf(manifest, manifest.user, bytes(Device)).x25519));
      return { manifest, party: party(manifest, bytes(Device)), secret: bytes(X25519Private), user: manifest.user, device: bytes(Device) };
    }) as [Side, Side];
    const owns = [vector.SignedPrekey, vector.OneTimePrekey, vector.KEMPrekey].filter((held) => held !== null).map(({ Encoded, Secret }) => ({ prekey: parsePrekey(bytes(Encoded)), secret: bytes(Secret) }));
    for (const { prekey } of owns) verifyPrekey(prekey, ours.manifest);
    const find = (kind: number, id: number) => owns.find(({ prekey }) => prekey.kind === kind && prekey.id === id);
    const initial = parseInitial(bytes(vector.Envelope));
    const agreed = respond(theirs.party, ours.party, ours.secret, initial, find);
    is(agreed.transcript, vector.Transcript);
    is(agreed.secret, vector.Secret);

    const bundle = { spk: agreed.spk.prekey, opk: owns.find(({ prekey }) => prekey.kind === 2)?.prekey, kem: find(initial.kemKind, initial.kem)!.prekey };
    const begun = initiate(theirs.party, ours.party, theirs.secret, bytes(vector.EphemeralPrivate), bytes(vector.KEMRandomness), bundle);
    assert.deepEqual(begun, { ct: initial.ct, transcript: agreed.transcript, secret: agreed.secret });

    const around = { conv: bytes(vector.Conv), msg: bytes(vector.Msg), from: theirs, to: ours };
    is(Session.responder(agreed.transcript, agreed.secret, agreed.spk.secret).open(initial.message, around).plain, vector.Plaintext);
    refused(() => respond(theirs.party, ours.party, ours.secret, initial, (kind, id) => (kind === 1 ? undefined : find(kind, id))), 'a prekey that is gone');
    for (const bad of changed(bytes(vector.Envelope))) refused(() => openFirst(bad), 'a changed Initial');

    function openFirst(all: Bytes): void {
      const parsed = parseInitial(all);
      const { transcript, secret, spk } = respond(theirs.party, ours.party, ours.secret, parsed, find);
      Session.responder(transcript, secret, spk.secret).open(parsed.message, around);
    }
  });
}
type Side = { manifest: Manifest; party: Bytes; secret: Bytes; user: Bytes; device: Bytes };

test('a ratchet session opens in any order, refuses the refused, and seals the same bytes', () => {
  const vector = read<RatchetVectors>('ratchet');
  const [transcript, secret, spk] = [bytes(vector.Transcript), bytes(vector.Secret), bytes(vector.PrekeyPrivate)];
  const first = vector.Messages.find(({ From }) => From === 'alice')!;
  const sides = {
    alice: Session.initiator(transcript, secret, xPublicOf(spk), bytes(first.RatchetPrivate)),
    bob: Session.responder(transcript, secret, spk),
  };
  const who = { alice: { user: bytes(vector.Alice.User), device: bytes(vector.Alice.Device) }, bob: { user: bytes(vector.Bob.User), device: bytes(vector.Bob.Device) } };
  const other = { alice: 'bob', bob: 'alice' } as const;
  const around = (to: 'alice' | 'bob', Conv: string, Msg: string) => ({ conv: bytes(Conv), msg: bytes(Msg), from: who[other[to]], to: who[to] });
  const chains = new Set([first.RatchetPrivate]);

  for (const { From, RatchetPrivate, MessageKey, N, Prev, Conv, Msg, Plaintext, Sealed } of vector.Messages) {
    if (!chains.has(RatchetPrivate)) assert.ok(sides[From].turn(bytes(RatchetPrivate)), 'a turn that is not due');
    chains.add(RatchetPrivate);
    const message = parseMessage(bytes(Sealed));
    assert.deepEqual([message.n, message.prev, text(message.key)], [N, Prev, text(xPublicOf(bytes(RatchetPrivate)))]);
    const opened = sides[other[From]].open(bytes(Sealed), around(other[From], Conv, Msg));
    opened.keep();
    is(opened.plain, Plaintext);
    is(opened.messageKey, MessageKey);
    is(sealMessage(transcript, opened.messageKey, message, opened.plain, around(other[From], Conv, Msg)), Sealed);
    refused(() => sides[other[From]].open(bytes(Sealed), around(other[From], Conv, Msg)), 'opened twice');
  }
  for (const { Why, To, Conv, Msg, Sealed } of vector.Refused) refused(() => sides[To].open(bytes(Sealed), around(To, Conv, Msg)), Why);
});

test('a session opens what its peer sealed, with gaps, over many turns', () => {
  const bob = { user: new Uint8Array(16).fill(1), device: new Uint8Array(16).fill(2) };
  const alice = { user: new Uint8Array(16).fill(3), device: new Uint8Array(16).fill(4) };
  const [transcript, secret, spk] = [5, 6, 7].map((n) => new Uint8Array(32).fill(n)) as [Bytes, Bytes, Bytes];
  const a = Session.initiator(transcript, secret, xPublicOf(spk), new Uint8Array(32).fill(8));
  const b = Session.responder(transcript, secret, spk);
  const pair = [{ seals: a, opens: b, from: alice, to: bob }, { seals: b, opens: a, from: bob, to: alice }];
  let late: (() => void)[] = [];
  for (let round = 0; round < 8; round++) {
    const { seals, opens, from, to } = pair[round % 2]!;
    if (round > 0) assert.ok(seals.turn(new Uint8Array(32).fill(20 + round)));
    const sealed = [0, 1, 2].map((n) => {
      const around = { conv: transcript, msg: new Uint8Array(16).fill(round * 3 + n + 1), from, to };
      return { around, all: seals.seal(uint(n, 1), new Uint8Array(24).fill(n), around) };
    });
    const open = (n: number) => () => {
      const opened = opens.open(sealed[n]!.all, sealed[n]!.around);
      opened.keep();
      assert.deepEqual(opened.plain, uint(n, 1));
    };
    open(1)();
    for (const one of late) one();
    late = [open(2), open(0)];
  }
});

test('the vault opens with the recovery key as people type it', () => {
  const vault = read<VaultVectors>('vault');
  const manifest = { user: bytes(vault.User), vaultVersion: vault.VaultVersion, msk: edPublicOf(bytes(vault.MSKSeed)), ssk: edPublicOf(bytes(vault.SSKSeed)) };
  for (const typed of [vault.Text, ...vault.Typed]) {
    is(recoveryKey(typed), vault.Code);
    const content = openVault(bytes(vault.Vault), recoveryKey(typed), manifest);
    assert.deepEqual([content.msk, content.ssk, ...content.backup].map(text), [vault.MSKSeed, vault.SSKSeed, ...vault.Backup]);
  }
  const proof = derive(bytes(vault.Code), null, 'chatalot/recovery-proof/v1\0', new Uint8Array(0), 32);
  assert.deepEqual([text(proof), text(sha256(proof))], [vault.Proof, vault.Verifier]);
  for (const typed of vault.Refused) refused(() => recoveryKey(typed), typed);
  for (const bad of changed(bytes(vault.Vault))) refused(() => openVault(bad, bytes(vault.Code), manifest), 'a changed vault');
  refused(() => openVault(bytes(vault.Vault), bytes(vault.Code), { ...manifest, vaultVersion: 4 }), 'an older vault');
  refused(() => openVault(bytes(vault.Vault), bytes(vault.Code), { ...manifest, msk: manifest.ssk }), 'other keys');
  refused(() => openVault(bytes(vault.Vault), new Uint8Array(16), manifest), 'another recovery key', 'commitment');
});

const content = read<ContentVectors>('content');

test('contents of both kinds open to what was sealed', () => {
  for (const vector of content.Contents) {
    const parsed = parseContent(bytes(vector.Content));
    is(parsed.hash, vector.Hash);
    const header = [parsed.conv, parsed.msg, parsed.user, parsed.device, parsed.state, parsed.nonce, parsed.commit].map(text);
    assert.deepEqual([parsed.kind, parsed.epoch, ...header], [vector.Kind, vector.Epoch, vector.Conv, vector.Msg, vector.User, vector.Device, vector.State, vector.Nonce, vector.Commit]);
    if (parsed.sender) {
      assert.deepEqual([text(parsed.sender.keyId), parsed.sender.iteration], [vector.KeyID, vector.Iteration]);
      is(edPublicOf(bytes(vector.SignSeed!)), vector.SignPublic!);
    }
    const frame = openAs(vector, bytes(vector.Content));
    assert.deepEqual([frame.sent, frame.number, text(frame.lastSeen), text(frame.plaintext)], [vector.SentAt, vector.Counter, vector.LastSeen, vector.Plaintext]);
    is(join(uint(1, 1), uint(frame.sent, 8), uint(frame.number, 8), frame.lastSeen, uint(frame.plaintext.length, 4), frame.plaintext), vector.Frame);
    for (const bad of changed(bytes(vector.Content))) refused(() => openAs(vector, bad), 'a changed content');
  }
  for (const { Why, Code, Of, Content } of content.Refused) refused(() => openAs(content.Contents[Of]!, bytes(Content)), Why, Code);
});

/** openAs opens a content with the keys of an example, in the order of 7.4. */
function openAs({ MessageKey, SignPublic }: ContentVectors['Contents'][number], all: Bytes) {
  const parsed = parseContent(all);
  if (parsed.signature) verifyContent(parsed, bytes(SignPublic!));
  return openContent(parsed, bytes(MessageKey));
}

test('the layers of a pairwise envelope come apart', () => {
  const { Session: session, Message, Envelope, Payloads } = content.Pairwise;
  const envelope = parseEnvelope(bytes(Envelope));
  is(envelope.session, session);
  is(envelope.message, Message);
  for (const { Type, Number, Content, Body, Payload } of Payloads) {
    const payload = parsePayload(bytes(Payload));
    assert.deepEqual([payload.type, payload.number, text(payload.content), text(payload.body)], [Type, Number, Content, Body]);
  }
});

test('a sender key gives its message keys, skipped ones once, and none from before its distribution', () => {
  const vector = read<SenderKeyVectors>('senderkey');
  const about = parseDistribution(bytes(vector.Distribution));
  assert.deepEqual([about.epoch, about.iteration, ...[about.conv, about.state, about.device, about.keyId, about.chain, about.signing].map(text)], [vector.Epoch, 0, vector.Conv, vector.State, vector.Device, vector.KeyID, vector.Chain, vector.SignPublic]);
  is(edPublicOf(bytes(vector.SignSeed)), vector.SignPublic);
  const key = new SenderKey(about);
  const take = (from: SenderKey, at: number) => {
    const { messageKey, keep } = from.key(at);
    keep();
    is(messageKey, vector.MessageKeys[at]!, String(at));
  };
  for (const at of [1, 4, 0, 3, 2]) take(key, at);
  for (const at of [0, 1, 2, 3, 4]) refused(() => key.key(at), 'used before');
  const later = new SenderKey(parseDistribution(bytes(vector.Later)));
  refused(() => later.key(2), 'before the distribution');
  for (const at of [3, 4]) take(later, at);
  key.key(5 + 2000);
  refused(() => key.key(5 + 2001), 'too far ahead');
});

test("a channel's chain gives its state hashes, and refuses what may not follow", () => {
  const vector = read<GroupVectors>('group');
  const signers = vector.Signers.map(({ User, Device, Seed, Public, Manifest }) => {
    is(edPublicOf(bytes(Seed)), Public);
    return { user: bytes(User), device: bytes(Device), key: bytes(Public), manifest: bytes(Manifest) };
  });
  const opOf = (encoded: string) => {
    const op = parseOp(bytes(encoded));
    const signer = signers.find(({ user, device }) => same(user, op.actor) && same(device, op.device))!;
    verify(signer.key, 'chatalot/op/v1\0', op.body, op.signature);
    return op;
  };
  const states: Group[] = [];
  for (const { Why, Op, Hash, Conv, Epoch, State } of vector.Chain) {
    const op = opOf(Op);
    is(op.hash, Hash, Why);
    const group = follow(states.at(-1) ?? null, op);
    states.push(group);
    is(group.conv, Conv, Why);
    const members = signers.filter(({ user }) => group.members.has(text(user))).map(({ user, manifest }) => ({ user, manifest, role: group.members.get(text(user))! }));
    assert.equal(members.length, group.members.size);
    is(stateHash(group.conv, Epoch, group.n, group.head, members), State, Why);
  }
  for (const { Why, Op } of vector.Refused) refused(() => follow(states.at(-1)!, opOf(Op)), Why);
  const [a, b] = [vector.DM.A, vector.DM.B].map((user) => signers.find((one) => same(one.user, bytes(user)))!);
  const conv = dmConversation(a!.user, b!.user);
  is(conv, vector.DM.Conv);
  is(dmStateHash(conv, vector.DM.Epoch, [b!, a!]), vector.DM.State);
});

test('a conversation opens from the first handshake on', () => {
  const { recipient, messages } = prepare(read<ConversationVectors>('conversation'));
  const device = recipient();
  for (const message of messages) opens(device, message);
});

test('the messages of a DM open in any order', () => {
  const { recipient, messages } = prepare(read<ConversationVectors>('conversation'));
  const device = recipient();
  for (const message of messages.filter(({ sent }) => sent.Kind === 'dm').reverse()) opens(device, message);
});
