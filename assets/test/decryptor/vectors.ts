// The frozen examples of app/e2ee/testdata, as the tests read them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Refused, text, type Bytes } from './bytes.ts';

/** Text is base64url of 1.7; read turns it into bytes. */
export type Text = string;

export type SignedVectors = {
  User: Text; MSKSeed: Text; SSKSeed: Text;
  Devices: { ID: Text; Ed25519Seed: Text; X25519Private: Text; X25519Public: Text }[];
  Manifests: { What: string; Encoded: Text; Hash: Text }[];
  Prekeys: { Kind: number; Encoded: Text; Secret: Text }[];
  Ops: { What: string; Encoded: Text; Hash: Text; Conv: Text }[];
  DM: { A: Text; B: Text; Conv: Text };
  Safety: { A: Text; B: Text; AMSK: Text; BMSK: Text; Digits: string };
  Refused: { Ed25519: Text[]; X25519: Text[]; Statements: { Kind: 'manifest' | 'op' | 'prekey'; Why: string; Encoded: Text }[] };
};

type Held = { Encoded: Text; Secret: Text };
type PartyVector = { Manifest: Text; Device: Text; X25519Private: Text };
export type PQXDHVectors = {
  What: string; Initiator: PartyVector; Responder: PartyVector; EphemeralPrivate: Text; KEMRandomness: Text;
  SignedPrekey: Held; OneTimePrekey: Held | null; KEMPrekey: Held;
  Transcript: Text; Secret: Text; Conv: Text; Msg: Text; Plaintext: Text; Envelope: Text;
}[];

type Named = { User: Text; Device: Text };
export type RatchetVectors = {
  Secret: Text; Transcript: Text; Alice: Named; Bob: Named; PrekeyPrivate: Text;
  Messages: { From: 'alice' | 'bob'; RatchetPrivate: Text; MessageKey: Text; N: number; Prev: number; Conv: Text; Msg: Text; Plaintext: Text; Sealed: Text }[];
  Refused: { Why: string; To: 'alice' | 'bob'; Conv: Text; Msg: Text; Sealed: Text }[];
};

export type VaultVectors = { Code: Text; Text: string; Typed: string[]; Refused: string[]; User: Text; VaultVersion: number; MSKSeed: Text; SSKSeed: Text; Backup: Text[]; Vault: Text; Proof: Text; Verifier: Text };

export type ContentVectors = {
  Contents: {
    Kind: number; Conv: Text; Msg: Text; User: Text; Device: Text; Epoch: number; State: Text; KeyID?: Text; Iteration: number; SignSeed?: Text; SignPublic?: Text;
    MessageKey: Text; Nonce: Text; Commit: Text; SentAt: number; Counter: number; LastSeen: Text; Plaintext: Text; Frame: Text; Content: Text; Hash: Text;
  }[];
  Refused: { Why: string; Code: string; Of: number; Content: Text }[];
  Pairwise: { Session: Text; Message: Text; Envelope: Text; Payloads: { Type: number; Number: number; Content: Text; Body: Text; Payload: Text }[] };
};

export type SenderKeyVectors = { Conv: Text; Epoch: number; State: Text; Device: Text; KeyID: Text; SignSeed: Text; SignPublic: Text; Chain: Text; Distribution: Text; Later: Text; MessageKeys: Text[] };

export type GroupVectors = {
  Signers: { User: Text; Device: Text; Seed: Text; Public: Text; Manifest: Text }[];
  Chain: { Why: string; Op: Text; Hash: Text; Conv: Text; Epoch: number; State: Text }[];
  Refused: { Why: string; Op: Text }[];
  DM: { A: Text; B: Text; Conv: Text; Epoch: number; State: Text };
};

/** ConversationVectors are also what the live test gets: one device's messages to another, and the recipient's private keys. */
export type ConversationVectors = {
  Now: number; Alice: Named & { Manifest: Text }; Bob: Named & { Manifest: Text };
  Sign: Text; DH: Text;
  Prekeys: { Statement: Text; Secret: Text }[];
  Ops: Text[];
  Messages: { Kind: 'dm' | 'channel'; Conv: Text; Msg: Text; Epoch: number; State: Text; Content: Text; Envelope?: Text; Plaintext: Text; SentAt: number; Counter: number }[];
};

/** read is one file of frozen examples. The tests run in the assets folder. */
export const read = <T>(name: string): T => JSON.parse(readFileSync(`../app/e2ee/testdata/${name}.json`, 'utf8')) as T;

/** is claims that bytes are those of the base64url. */
export const is = (got: Bytes, want: Text, what = ''): void => assert.equal(text(got), want, what);

/** refused claims that opening is refused on purpose, by that code if one is given, and did not merely break. */
export function refused(open: () => unknown, why: string, code?: string): void {
  assert.throws(open, (fault) => fault instanceof Refused && (code === undefined || fault.code === code), why);
}

/** changed are copies of b with one bit of one byte turned, at some places all over it. */
export function* changed(b: Bytes, places = 13): Generator<Bytes> {
  for (let at = 0; at < b.length; at += Math.max(1, Math.floor(b.length / places))) {
    const copy = b.slice();
    copy[at]! ^= 1 << (at % 8);
    yield copy;
  }
}
