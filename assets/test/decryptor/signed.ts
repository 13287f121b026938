// SPEC.md sections 1.6 and 3: the signed statements, conversations and the safety number.
import { Reader, ascending, join, order, refuse, same, text, uint, zero, type Bytes } from './bytes.ts';
import { edPublic, hash, kemPublic, verify, xPublic } from './prim.ts';

const DAY = 24 * 3600 * 1000;

/** Statement is what every parsed statement keeps of itself: what its signature covers, and that. */
type Statement = { body: Bytes; signature: Bytes };

/** statement parses the fields and then the signature behind them. */
function statement<T extends object>(all: Bytes, fields: (from: Reader) => T): T & Statement {
  return Reader.read(all, (from) => {
    const parsed = fields(from);
    return { ...parsed, body: from.before(), signature: from.take(64) };
  });
}

export type Prekey = ReturnType<typeof parsePrekey>;
export type Manifest = ReturnType<typeof parseManifest>;
export type Device = Manifest['devices'][number];
export type Op = ReturnType<typeof parseOp>;

/** prekeyPublic refuses a public key that the kind of prekey (3.2) does not allow. */
const prekeyPublic = (kind: number, key: Bytes): Bytes => (kind <= 2 ? xPublic(key) : kemPublic(key));

export function parsePrekey(all: Bytes) {
  return statement(all, (from) => {
    const kind = from.u8();
    refuse(kind >= 1 && kind <= 4, 'another kind of prekey');
    from.suite();
    const rest = { user: from.id(), device: from.id(), id: from.u32(), created: from.u64(), expires: from.u64(), public: prekeyPublic(kind, from.var(1184)) };
    refuse(rest.expires > rest.created && rest.expires - rest.created <= 90 * DAY, 'a prekey of another lifetime');
    return { kind, ...rest };
  });
}

/** deviceOf is the listed device, which the statement of that user names. */
export function deviceOf(manifest: Manifest, user: Bytes, device: Bytes): Device {
  refuse(same(user, manifest.user), 'a statement of another user');
  const found = manifest.devices.find(({ id }) => same(id, device));
  refuse(found !== undefined, 'the device is not listed');
  return found;
}

/** verifyPrekey checks a prekey against its user's manifest (3.2), and that it is usable now when a time is given. */
export function verifyPrekey(prekey: Prekey, manifest: Manifest, now?: number): void {
  const device = deviceOf(manifest, prekey.user, prekey.device);
  refuse(device.removed === 0, 'the device was removed');
  verify(device.ed25519, 'chatalot/prekey/v1\0', prekey.body, prekey.signature);
  if (now !== undefined) refuse(now >= prekey.created - DAY && now < prekey.expires, 'not usable now');
}

/** parseManifest parses a manifest and verifies what stands in it: certificate, countersignatures, signature (3.3). */
export function parseManifest(all: Bytes) {
  const manifest = statement(all, (from) => ({
    user: from.id(),
    version: from.u64(),
    previous: from.take(32),
    msk: edPublic(from.take(32)),
    ssk: edPublic(from.take(32)),
    cert: from.take(64),
    vaultVersion: from.u64(),
    devices: from.list(1000, () => listed(from)),
  }));
  checkManifest(manifest);
  verify(manifest.msk, 'chatalot/ssk/v1\0', join(manifest.user, manifest.ssk), manifest.cert);
  for (const device of manifest.devices)
    verify(device.ed25519, 'chatalot/device/v1\0', join(manifest.user, manifest.msk, device.id, device.ed25519, device.x25519, uint(device.added, 8)), device.countersignature);
  verify(manifest.ssk, 'chatalot/manifest/v1\0', manifest.body, manifest.signature);
  return { ...manifest, hash: hash('chatalot/manifesthash/v1\0', all) };
}

function listed(from: Reader) {
  const device = { id: from.id(), ed25519: edPublic(from.take(32)), x25519: xPublic(from.take(32)), added: from.u64(), removed: from.u64(), countersignature: from.take(64) };
  refuse(device.removed === 0 || device.removed >= device.added, 'removed before it was added');
  return device;
}

function checkManifest(manifest: { version: number; previous: Bytes; msk: Bytes; ssk: Bytes; devices: ReturnType<typeof listed>[] }): void {
  const { version, previous, msk, ssk, devices } = manifest;
  refuse(version >= 1 && (version === 1) === zero(previous), 'prev_hash is zero in version 1 only');
  ascending(devices.map(({ id }) => id));
  const live = devices.filter(({ removed }) => removed === 0).length;
  refuse(live >= 1 && live <= 10, 'not 1 to 10 devices');
  const keys = [msk, ssk, ...devices.flatMap(({ ed25519, x25519 }) => [ed25519, x25519])].map(text);
  refuse(new Set(keys).size === keys.length, 'a key twice');
}

/**
 * succeed holds a manifest against the newest one known (3.3, rules 1 to 6). It says whether it is the same, the next one, or
 * one of a new identity, which a person has to accept.
 */
export function succeed(manifest: Manifest, known: Manifest | null): 'first' | 'same' | 'next' | 'identity' {
  if (!known) return 'first';
  refuse(same(manifest.user, known.user), 'another user');
  refuse(manifest.version >= known.version, 'a rollback');
  if (manifest.version === known.version) {
    refuse(same(manifest.hash, known.hash), 'a fork');
    return 'same';
  }
  if (manifest.version === known.version + 1) refuse(same(manifest.previous, known.hash), 'a fork');
  if (!same(manifest.msk, known.msk)) return 'identity';
  refuse(manifest.vaultVersion >= known.vaultVersion, 'an older vault');
  for (const before of known.devices) keeps(before, deviceOf(manifest, manifest.user, before.id));
  return 'next';
}

/** keeps refuses a device with anything changed but removed, from 0 to a time, once. */
function keeps(before: Device, now: Device): void {
  const fixed = ({ ed25519, x25519, added, countersignature }: Device) => join(ed25519, x25519, uint(added, 8), countersignature);
  refuse(same(fixed(before), fixed(now)) && (before.removed === 0 || now.removed === before.removed), 'a device changed');
}

/** The types of operation, the policies and the roles of 3.5. */
export const CREATE = 1, ADD = 2, REMOVE = 3, ROLE = 4, LEAVE = 5, JOIN = 6, POLICY = 7;
export const PRIVATE = 1, PUBLIC = 2;
export const MEMBER = 1, ADMIN = 2;

/** parseOp parses an operation; conv is the conversation that it belongs to, for a create the one that it makes. */
export function parseOp(all: Bytes) {
  const op = statement(all, (from) => ({
    group: from.take(32),
    n: from.u64(),
    previous: from.take(32),
    actor: from.id(),
    device: from.id(),
    created: from.u64(),
    type: from.u8(),
    policy: from.u8(),
    nonce: from.take(16),
    targets: from.list(1000, () => ({ user: from.id(), role: from.u8() })),
  }));
  checkOp(op);
  return { ...op, conv: op.type === CREATE ? hash('chatalot/group/v1\0', op.body) : op.group, hash: hash('chatalot/ophash/v1\0', all) };
}

type OpFields = { group: Bytes; n: number; previous: Bytes; actor: Bytes; type: number; policy: number; nonce: Bytes; targets: { user: Bytes; role: number }[] };

function checkOp({ group, n, previous, actor, type, policy, nonce, targets }: OpFields): void {
  refuse(type >= CREATE && type <= POLICY, 'another type of operation');
  const create = type === CREATE;
  refuse(zero(group) === create && (n === 0) === create && zero(previous) === create && zero(nonce) !== create, 'fields that only create has or lacks');
  refuse(create || type === POLICY ? policy === PRIVATE || policy === PUBLIC : policy === 0, 'another policy');
  refuse([CREATE, ADD, REMOVE, ROLE].includes(type) === targets.length > 0, 'targets where none belong, or none');
  ascending(targets.map(({ user }) => user));
  refuse(targets.every(({ role }) => (type === REMOVE ? role === 0 : role === MEMBER || role === ADMIN)), 'another role');
  const own = targets.find(({ user }) => same(user, actor));
  if (create) refuse(own?.role === ADMIN, 'create names its actor as admin');
  if (type === ADD || type === REMOVE) refuse(!own, 'add and remove do not name their actor');
}

/** verifyOp checks an operation against its actor's manifest (3.5). */
export function verifyOp(op: Op, manifest: Manifest): void {
  const device = deviceOf(manifest, op.actor, op.device);
  refuse(device.removed === 0 || op.created < device.removed, 'made after the device was removed');
  verify(device.ed25519, 'chatalot/op/v1\0', op.body, op.signature);
}

/** dmConversation is the conversation of two people (1.6). */
export function dmConversation(a: Bytes, b: Bytes): Bytes {
  return hash('chatalot/dm/v1\0', ...[a, b].sort(order));
}

/** safetyNumber is the 60 digits of 3.6. */
export function safetyNumber(a: { user: Bytes; msk: Bytes }, b: { user: Bytes; msk: Bytes }): string {
  const half = ({ user, msk }: { user: Bytes; msk: Bytes }) => {
    const h = Buffer.from(hash('chatalot/sn/v1\0', user, msk));
    return [0, 5, 10, 15, 20, 25].map((at) => String(h.readUIntBE(at, 5) % 100_000).padStart(5, '0')).join('');
  };
  return [half(a), half(b)].sort().join('');
}
