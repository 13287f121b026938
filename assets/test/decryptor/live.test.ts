// What the Go core seals today, opened by the second implementation: random runs of three people, with all their private keys.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytes, text, type Bytes } from './bytes.ts';
import { parseContent } from './content.ts';
import { Recipient } from './device.ts';
import { dmStateHash, follow, stateHash, type Group } from './group.ts';
import { xPublicOf } from './prim.ts';
import { dmConversation, parseManifest, parseOp, parsePrekey, succeed, verifyOp, verifyPrekey, type Manifest } from './signed.ts';
import { is, refused, type Text } from './vectors.ts';

type Message = { From: number; Conv: Text; Msg: Text; Epoch: number; Content: Text; Envelopes: Record<number, Text> };
type Delivery = { To: number; Message: number; Status: 'ok' | 'late' | 'duplicate' | 'refused'; Code: string; Plaintext: Text | null; SentAt: number; Counter: number };
type Event = { Manifest?: Text; Op?: Text; DM?: [Text, Text]; Message?: Message; Delivery?: Delivery; Epochs?: { Conv: Text; Epoch: number }[] };
/** Run is a random run as the test of app/e2ee/core writes it; a file that failed stays for a closer look. */
type Run = { Devices: { User: Text; Device: Text; DH: Text; Prekeys: { Statement: Text; Secret: Text }[] | null; Draws: Text[] }[]; Events: Event[] };

/** Onlooker follows a run as the server's log tells it, and every device of it at once. */
class Onlooker {
  #manifests = new Map<string, Manifest>();
  #groups = new Map<string, Group>();
  #dms = new Map<string, Bytes[]>();
  #states = new Map<string, Bytes>();
  #messages: Message[] = [];
  #devices: Recipient[];
  #privates = new Map<string, Bytes>();
  opened = 0;

  constructor(readonly run: Run) {
    this.#devices = run.Devices.map(({ User, Device, DH, Prekeys }) => {
      const owns = (Prekeys ?? []).map(({ Statement, Secret }) => ({ prekey: parsePrekey(bytes(Statement)), secret: bytes(Secret) }));
      return new Recipient(bytes(User), bytes(Device), bytes(DH), owns, this.#manifests);
    });
    for (const draw of run.Devices.flatMap(({ Draws }) => Draws)) this.#privates.set(text(xPublicOf(bytes(draw))), bytes(draw));
  }

  follow(event: Event): void {
    if (event.Manifest) this.#manifest(parseManifest(bytes(event.Manifest)));
    if (event.Op) this.#op(event.Op);
    if (event.DM) this.#dms.set(text(dmConversation(...(event.DM.map(bytes) as [Bytes, Bytes]))), event.DM.map(bytes));
    for (const { Conv, Epoch } of event.Epochs ?? []) this.#states.set(`${Conv}/${Epoch}`, this.#state(Conv, Epoch));
    if (event.Message) this.#message(event.Message);
    if (event.Delivery) this.#delivery(event.Delivery);
  }

  #manifest(manifest: Manifest): void {
    const known = this.#manifests.get(text(manifest.user)) ?? null;
    assert.equal(succeed(manifest, known), known ? 'next' : 'first');
    this.#manifests.set(text(manifest.user), manifest);
  }

  #op(encoded: Text): void {
    const op = parseOp(bytes(encoded));
    verifyOp(op, this.#manifests.get(text(op.actor))!);
    this.#groups.set(text(op.conv), follow(this.#groups.get(text(op.conv)) ?? null, op));
  }

  #state(conv: Text, epoch: number): Bytes {
    const hashOf = (user: Bytes) => ({ user, manifest: this.#manifests.get(text(user))!.hash });
    const people = this.#dms.get(conv);
    if (people) return dmStateHash(bytes(conv), epoch, people.map(hashOf));
    const { n, head, members } = this.#groups.get(conv)!;
    return stateHash(bytes(conv), epoch, n, head, [...members].map(([user, role]) => ({ ...hashOf(bytes(user)), role })));
  }

  #message(message: Message): void {
    this.#messages.push(message);
    is(parseContent(bytes(message.Content)).state, text(this.#states.get(`${message.Conv}/${message.Epoch}`)!), 'the state hash');
    for (const [to, envelope] of Object.entries(message.Envelopes)) this.#devices[message.From]!.sent(bytes(envelope), this.#devices[Number(to)]!, (key) => this.#privates.get(text(key))!);
  }

  #delivery({ To, Message, Status, Code, Plaintext, SentAt, Counter }: Delivery): void {
    const { From, Conv, Msg, Epoch, Content, Envelopes } = this.#messages[Message]!;
    const { user, device } = this.#devices[From]!;
    const envelope = Envelopes[To] ? bytes(Envelopes[To]) : null;
    const open = () => this.#devices[To]!.open({ conv: bytes(Conv), msg: bytes(Msg), user, device, epoch: Epoch, state: this.#states.get(`${Conv}/${Epoch}`)!, content: bytes(Content), envelope });
    if (Status === 'refused') return refused(open, Code, Code);
    if (Status === 'duplicate') return refused(open, 'a repetition');
    const frame = open();
    assert.deepEqual([text(frame.plaintext), frame.sent, frame.number], [Plaintext ?? '', SentAt, Counter]);
    this.opened++;
  }

  /** prekeys verifies all the prekeys that somebody used. */
  prekeys(): void {
    for (const { user, prekeys } of this.#devices) for (const { prekey } of prekeys) verifyPrekey(prekey, this.#manifests.get(text(user))!);
  }
}

test('what the Go core seals now opens, and nothing else does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chatalot-emit-'));
  const file = join(folder, 'runs.json');
  execFileSync('go', ['test', './app/e2ee/core', '-run', '^TestEmitForDecryptor$', '-count=1'], { cwd: '..', env: { ...process.env, CHATALOT_EMIT: file }, encoding: 'utf8' });
  const runs = JSON.parse(readFileSync(file, 'utf8')) as Run[];
  runs.forEach((run, i) => {
    const onlooker = new Onlooker(run);
    run.Events.forEach((event, at) => {
      try {
        onlooker.follow(event);
      } catch (cause) {
        throw new Error(`event ${at} of run ${i} in ${file}`, { cause });
      }
    });
    onlooker.prekeys();
    assert.ok(onlooker.opened > 20, 'hardly anything was sent');
  });
  rmSync(folder, { recursive: true });
});
