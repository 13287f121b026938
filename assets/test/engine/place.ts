// A place as far as these tests need one: it keeps what it is given, orders it and tells it. What the real one checks is not checked here.
import { loadCore } from '../../src/crypto/load.ts';
import type { Core } from '../../src/crypto/core.d.ts';
import { newId, toBase64 } from '../../src/net/base64.ts';
import type * as wire from '../../src/net/wire.ts';
import { parseOp, parsePrekey } from '../decryptor/signed.ts';
import { bytes } from '../decryptor/bytes.ts';
import type { Line } from './browser.ts';

type Answer = [status: number, body?: unknown];
type Handler = (body: never, rest: string[], headers: Headers) => Answer;

/** Somebody with an account; keys made by the core itself. */
export interface Account {
  readonly user: wire.User;
  readonly device: string;
  readonly core: Core;
}

export function refusal(status: number, code: string, more: object = {}): Answer {
  return [status, { error: { code, message: `refused: ${code}`, ...more } }];
}

export class Place {
  password = 'a good password';
  twoStep = false;
  signedIn = false;
  role: 'admin' | 'member' = 'member';
  session = newId();
  readonly me: wire.User = { id: newId(), username: 'ida', display_name: 'Ida', role: 'member' };
  device: string | undefined;
  vault: { vault: string; vault_version: number; recovery: string } | null = null;
  readonly manifests = new Map<string, wire.Manifest>();
  readonly prekeys = new Map<string, string[]>();
  readonly log: wire.Event[] = [];
  readonly sent: (wire.NewMessage & { conv: string })[] = [];
  readonly requests: { method: string; path: string; body: unknown }[] = [];
  community: wire.Community = { id: newId(), name: 'Home', role: 'member', created_at: 1 };
  members: wire.CommunityMember[] = [];
  channels: wire.Channel[] = [];
  ops: wire.OpRecord[] = [];
  dms: wire.DM[] = [];
  readonly #routes = new Map<string, Handler>();
  readonly #lines = new Set<Line>();

  constructor() {
    this.#serve();
    this.members.push({ community_id: this.community.id, user: this.me, role: 'member' });
  }

  /** Answers a route from now on; the path may end in *. */
  on(route: string, handler: Handler): void {
    this.#routes.set(route, handler);
  }

  /** Answers a route so many times in another way first. */
  first(route: string, times: number, other: () => Answer): void {
    const usual = this.#find(...(route.split(' ') as [string, string]))!.handler;
    this.on(route, (...args) => (times-- > 0 ? other() : usual(...args)));
  }

  asked(method: string, path: string): unknown[] {
    return this.requests.filter((one) => one.method === method && one.path === path).map((one) => one.body);
  }

  answer(method: string, path: string, body: unknown, headers: Headers): Response {
    const [plain = ''] = path.split('?');
    this.requests.push({ method, path: plain, body });
    const found = this.#find(method, plain);
    if (found === null) throw new Error(`the place has no route ${method} ${plain}`);
    const [status, answer] = found.handler(body as never, found.rest, headers);
    return status === 204 ? new Response(null, { status }) : new Response(JSON.stringify(answer), { status });
  }

  #find(method: string, path: string): { handler: Handler; rest: string[] } | null {
    for (const [route, handler] of [...this.#routes].reverse()) {
      const [verb, pattern = ''] = route.split(' ');
      const match = verb === method ? new RegExp(`^${pattern.replaceAll('*', '([^/]+)')}$`).exec(path) : null;
      if (match !== null) return { handler, rest: match.slice(1) };
    }
    return null;
  }

  /** The socket: ready, then everything after the cursor, then whatever comes. */
  connect(line: Line, from: number | undefined): void {
    line.tell({ t: 'ready', user_id: this.me.id, expires_at: Date.now() + 900_000, ...(from === undefined ? {} : { cursor: from, present: [] }) });
    if (from === undefined) return;
    this.#lines.add(line);
    line.tell({ t: 'events', events: this.log.filter((one) => one.seq > from), cursor: this.log.length });
  }

  disconnect(line: Line): void {
    this.#lines.delete(line);
  }

  get connected(): boolean {
    return this.#lines.size > 0;
  }

  /** Everything is to be read anew. */
  reset(): void {
    for (const line of this.#lines) line.tell({ t: 'reset' });
  }

  hangUp(): void {
    for (const line of [...this.#lines]) line.close(1006);
  }

  /** The session ends, as another one of the same person may bring about. */
  end(code = 4401): void {
    this.signedIn = false;
    this.session = newId();
    this.device = undefined;
    for (const line of [...this.#lines]) line.close(code);
  }

  tell(kind: string, value: unknown): wire.Event {
    const event = { seq: this.log.length + 1, kind, at: Date.now(), [kind]: value } as wire.Event;
    this.log.push(event);
    for (const line of this.#lines) line.tell({ t: 'events', events: [event], cursor: event.seq });
    return event;
  }

  /** Somebody with keys and a device, in the community. */
  async join(name: string, role: wire.Role = 'member'): Promise<Account> {
    const core = await blankCore();
    const [user, device] = [newId(), newId()];
    const made = core.createAccount(bytes(user), bytes(device));
    core.commit();
    this.manifests.set(user, { user_id: user, version: 1, manifest: toBase64(made.manifest) });
    this.prekeys.set(device, made.prekeys.map(toBase64));
    const known: wire.User = { id: user, username: name.toLowerCase(), display_name: name, role: 'member' };
    this.members.push({ community_id: this.community.id, user: known, role });
    return { user: known, device, core };
  }

  /** Somebody makes a channel with these people; those in admins are admins of it. Returns its id. */
  channel(name: string, maker: Account, people: readonly { id: string; admin: boolean }[]): string {
    const others = people.filter((one) => one.id !== maker.user.id);
    for (const { id } of others) this.#introduce(maker.core, id);
    const { op, conv } = maker.core.makeOp(null, 1, 1, others.map((one) => ({ user: bytes(one.id), role: one.admin ? 2 : 1 })));
    const id = toBase64(conv);
    this.ops.push({ conversation_id: id, n: 0, op: toBase64(op) });
    maker.core.loadChannel(conv, [op], 1, 1);
    maker.core.commit();
    const members = [{ id: maker.user.id, admin: true }, ...others].map((one) => ({ user_id: one.id, admin: one.admin }));
    this.channels.push({
      id, community_id: this.community.id, group_id: 'G', name, topic: '', visibility: 'private', joined: true, epoch: 1, n: 0, members, read_seq: 0, created_at: 2,
    });
    return id;
  }

  /** Somebody's signed operation is ordered, though not told. */
  order(conv: string, by: Account, type: number, targets: readonly { id: string; role: number }[]): void {
    const channel = this.#channel(conv);
    const { op } = by.core.makeOp(bytes(conv), type, 0, targets.map((one) => ({ user: bytes(one.id), role: one.role })));
    channel.epoch++;
    channel.n++;
    by.core.applyOp(bytes(conv), op, channel.epoch);
    by.core.commit();
    this.ops.push({ conversation_id: conv, n: channel.n, op: toBase64(op) });
    for (const { id, role } of targets) for (const one of channel.members ?? []) if (one.user_id === id) one.admin = role === 2;
  }

  /** What an operation that somebody appended says. */
  opAt(conv: string, n: number): { type: number; targets: { user: string; role: number }[] } {
    const { type, targets } = parseOp(bytes(this.ops.find((one) => one.conversation_id === conv && one.n === n)!.op));
    return { type, targets: targets.map((one) => ({ user: toBase64(one.user), role: one.role })) };
  }

  /** An admin of the place pauses or restores somebody: told with the epochs that grow. */
  restate(user: wire.User, state: wire.UserState | undefined): void {
    const convs = [...this.channels.filter((one) => one.members?.some((member) => member.user_id === user.id)), ...this.dms.filter((one) => one.peer.id === user.id)];
    const epochs = convs.map((one) => ({ conversation_id: one.id, epoch: ++one.epoch }));
    this.tell('user', { ...this.become(user, state), epochs });
  }

  /** The same, without a word. */
  become(user: wire.User, state: wire.UserState | undefined): wire.User {
    const { state: _, ...rest } = user;
    const now = state === undefined ? rest : { ...rest, state };
    this.members = this.members.map((one) => (one.user.id === user.id ? { ...one, user: now } : one));
    this.dms = this.dms.map((one) => (one.peer.id === user.id ? { ...one, peer: now } : one));
    return now;
  }

  #introduce(core: Core, user: string): void {
    core.applyManifest(bytes(user), bytes(this.manifests.get(user)!.manifest), []);
    core.commit();
  }

  #channel(conv: string): wire.Channel {
    return this.channels.find((one) => one.id === conv)!;
  }

  #enter(): wire.SignedIn {
    this.signedIn = true;
    const claims = Buffer.from(JSON.stringify({ sid: this.session })).toString('base64url');
    return {
      access_token: `e30.${claims}.x`, expires_at: Date.now() + 900_000, user: { ...this.me, role: this.role }, has_keys: this.vault !== null,
      ...(this.device === undefined ? {} : { device_id: this.device }),
    };
  }

  #first(): Answer {
    return this.twoStep ? [202, { challenge: 'CHALLENGE', expires_at: Date.now() + 300_000 }] : [200, this.#enter()];
  }

  #serve(): void {
    this.on('GET /api/place', () => [200, { name: 'Home', registration: 'invite_only', set_up: true, version: '1' }]);
    this.on('POST /api/auth/refresh', () => (this.signedIn ? [200, this.#enter()] : refusal(401, 'session_ended')));
    this.on('POST /api/auth/register', () => [201, this.#enter()]);
    this.on('POST /api/auth/login', ({ password }: { password: string }) => (password === this.password ? this.#first() : refusal(401, 'bad_credentials')));
    this.on('POST /api/auth/challenge', ({ code, backup_code }: { code?: string; backup_code?: string }) =>
      code === '123456' || backup_code === 'abcd-efgh' ? [200, this.#enter()] : refusal(401, 'bad_code'),
    );
    this.on('POST /api/auth/recover', ({ password }: { password: string }) => {
      this.password = password;
      return this.#first();
    });
    this.on('POST /api/auth/reset/preview', () => [200, { username: 'ida', expires_at: 99 }]);
    this.on('POST /api/auth/reset', ({ password }: { password: string }) => {
      this.password = password;
      return this.#first();
    });
    this.on('POST /api/auth/passkey/options', () => [200, { ceremony: 'C', options: { challenge: 'AAAA' } }]);
    this.on('POST /api/auth/passkey', () => [200, this.#enter()]);
    this.on('POST /api/auth/logout', () => [204]);
    this.on('POST /api/devices', ({ id, name }: { id?: string; name: string }) => {
      this.device = id ?? newId();
      return [201, { id: this.device, name, created_at: 1, last_seen: 1, active: true }];
    });
    this.on('PUT /api/manifests', (put: { manifest: string; vault?: string; vault_version?: number; recovery?: string; prekeys?: string[] }) => {
      const { manifest, vault, vault_version, recovery, prekeys } = put;
      const version = (this.manifests.get(this.me.id)?.version ?? 0) + 1;
      const stored = { user_id: this.me.id, version, manifest };
      this.manifests.set(this.me.id, stored);
      if (vault !== undefined) this.vault = { vault, vault_version: vault_version!, recovery: recovery! };
      if (prekeys !== undefined) this.prekeys.set(this.device!, prekeys);
      return [200, stored];
    });
    this.on('GET /api/manifests/*', (_, [user]) => (this.manifests.has(user!) ? [200, this.manifests.get(user!)] : refusal(404, 'not_found')));
    this.on('GET /api/vault', () => [200, { vault: this.vault!.vault, vault_version: this.vault!.vault_version }]);
    this.on('GET /api/prekeys', () => [200, { one_time: 100, kem: 100 }]);
    this.on('POST /api/prekeys', () => [200, { one_time: 100, kem: 100 }]);
    this.on('POST /api/prekeys/claim', ({ devices }: { devices: { user_id: string; device_id: string }[] }) => [200, { bundles: devices.map((one) => this.#bundle(one)) }]);
    this.on('GET /api/state', () => [200, this.#state()]);
    this.on('GET /api/sync', () => [200, { events: this.log, cursor: this.log.length, more: false }]);
    this.on('GET /api/channels/*/ops', (_, [conv]) => [200, { ops: this.ops.filter((one) => one.conversation_id === conv), epoch: this.#channel(conv!).epoch, manifests: [] }]);
    this.on('GET /api/channels/*', (_, [conv]) => [200, this.#channel(conv!)]);
    this.on('POST /api/channels/*/ops', ({ op }: { op: string }, [conv]) => {
      const channel = this.#channel(conv!);
      const record = { conversation_id: conv!, n: ++channel.n, op, epochs: [{ conversation_id: conv!, epoch: ++channel.epoch }] };
      this.ops.push(record);
      this.tell('op', record);
      return [201, record];
    });
    this.on('POST /api/conversations/*/messages', (message: wire.NewMessage, [conv]) => {
      const now = this.channels.find((one) => one.id === conv)?.epoch ?? this.dms.find((one) => one.id === conv)!.epoch;
      if (message.epoch !== now) return refusal(409, 'stale_epoch');
      this.sent.push({ ...message, conv: conv! });
      const { message_id, epoch, ciphertext } = message;
      const whole = { seq: this.log.length + 1, conversation_id: conv!, message_id, sender_user: this.me.id, sender_device: this.device!, epoch, ciphertext, created_at: Date.now() };
      this.tell('message', whole);
      return [201, whole];
    });
    this.on('GET /api/conversations/*/messages', () => [200, { messages: [] }]);
    this.on('PUT /api/conversations/*/read', () => [204]);
    this.on('GET /api/communities/*/members', () => [200, { members: this.members }]);
  }

  #state(): wire.State {
    const members = this.members.map((one) => (one.user.id === this.me.id ? { ...one, user: { ...this.me, role: this.role } } : one));
    const cursor = this.log.length;
    const me = { user: { ...this.me, role: this.role }, has_keys: true, vault_version: this.vault?.vault_version ?? 0 };
    return {
      cursor, place: { name: 'Home', registration: 'invite_only', set_up: true, version: '1' }, me, communities: [this.community], members,
      groups: [{ id: 'G', community_id: this.community.id, name: 'General', created_at: 1 }], channels: this.channels, ops: this.ops, dms: this.dms,
      manifests: [...this.manifests.values()], presence: [],
    };
  }

  #bundle({ user_id, device_id }: { user_id: string; device_id: string }): wire.Bundle {
    const keys = (this.prekeys.get(device_id) ?? []).map((raw) => ({ raw, kind: parsePrekey(bytes(raw)).kind }));
    const of = (kind: number): string => keys.find((one) => one.kind === kind)!.raw;
    return { user_id, device_id, signed: of(1), one_time: of(2), kem: of(3) };
  }
}

/** A core of its own with nothing in it. */
export async function blankCore(): Promise<Core> {
  return (await loadCore(() => undefined)).open([]);
}
