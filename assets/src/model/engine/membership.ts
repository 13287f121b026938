import type { Also } from '../../crypto/machine.ts';
import type { Core, OpChange, Target } from '../../crypto/core.d.ts';
import { fromBase64, toBase64 } from '../../net/base64.ts';
import type { Channel, ConvEpoch, DM, Manifest, OpRecord, Ops, User } from '../../net/wire.ts';
import type { Happening } from '../marks.ts';
import type { ConvMeta } from '../news.ts';
import { settle, type Base } from './base.ts';
import { coreError, refused } from './errors.ts';
import type { Batch } from './rows.ts';

export const opType = { create: 1, add: 2, remove: 3, role: 4, leave: 5, join: 6, policy: 7 } as const;
export const roleOf = { member: 1, admin: 2 } as const;
export const policyOf = { private: 1, public: 2 } as const;

/** Where in the log something happened, for the quiet lines. */
export interface Moment {
  readonly seq: number;
  readonly at: number;
}

/** Who is who and who is where, as signed statements say: the core's side of people, channels and DMs. */
export class Membership {
  readonly #base: Base;

  constructor(base: Base) {
    this.#base = base;
  }

  /** Whether this device stands on its person's signed list. */
  get active(): boolean {
    return this.#base.machine.core.status().active;
  }

  /** The signed membership of a channel that the core has loaded; null when it has not. */
  channel(conv: string): { members: { user: string; admin: boolean }[]; n: number; epoch: number } | null {
    try {
      const { members, n, epoch } = this.#base.machine.core.channel(fromBase64(conv));
      return { members: members.map((one) => ({ user: toBase64(one.user), admin: one.role === roleOf.admin })), n, epoch };
    } catch {
      return null;
    }
  }

  /** Whether the core has taken up the conversation. */
  knows(conv: string): boolean {
    return this.channel(conv) !== null;
  }

  /** Takes a person's manifest. What it means for DMs is told there. */
  async manifest(manifest: Manifest, moment: Moment | null): Promise<void> {
    const { machine, rows, world, me } = this.#base;
    const epochs = (manifest.epochs ?? []).map(epoch);
    const batch = rows.batch();
    await machine.run(
      (core) => core.applyManifest(fromBase64(manifest.user_id), fromBase64(manifest.manifest), epochs),
      async (change) => {
        const dm = [...world.all('dm')].find((one) => one.peer.id === manifest.user_id);
        if (dm !== undefined && manifest.user_id !== me) {
          if (change.kind === 'identity_changed') await this.#identityChanged(batch, dm, moment);
          if (change.kind === 'refused' && moment !== null) await this.#line(batch, dm.id, manifest.user_id, { what: 'refused_manifest', targets: [] }, moment);
        }
        return [...(await batch.changes()), ...(await world.changes())];
      },
    );
    this.#base.tell([...world.news(), ...(await batch.news())]);
  }

  async #identityChanged(batch: Batch, dm: DM, moment: Moment | null): Promise<void> {
    const message = `${dm.peer.display_name} set the account up again and has a new identity. Nothing is sent here until you accept it; compare in person first.`;
    this.#base.world.changeConv(dm.id, { held: { code: 'identity_changed', message } });
    if (moment !== null) await this.#line(batch, dm.id, dm.peer.id, { what: 'identity', targets: [] }, moment);
  }

  async #meet(manifests: readonly Manifest[]): Promise<void> {
    for (const one of manifests) await this.manifest({ ...one, epochs: [] }, null);
  }

  /** Asks the place for somebody's manifest and takes it; false when the person has none yet. */
  async fetch(user: string): Promise<boolean> {
    try {
      await this.manifest(await this.#base.api.get<Manifest>(`/api/manifests/${user}`), null);
      return true;
    } catch (error) {
      if (refused(error, 'not_found')) return false;
      throw error;
    }
  }

  /** Takes up a DM at an epoch. Without the other's keys nothing can be said yet: the conversation is held until they are there. */
  async loadDM(dm: DM): Promise<void> {
    const { machine, world } = this.#base;
    const { held } = world.conv(dm.id);
    await this.#meet(dm.manifests ?? []);
    try {
      await this.#meeting((core) => core.loadDM(fromBase64(dm.peer.id), dm.epoch), () => world.changes());
      if (closed(dm.peer) !== null) await this.#shunPeer(dm, dm.epoch);
      else if (held?.code === 'no_keys') world.changeConv(dm.id, { held: null });
    } catch (error) {
      if (coreError(error, 'unknown_user') === null) throw error;
      const message = `${dm.peer.display_name} has not set up encryption on a device yet. What you write waits here until then.`;
      world.changeConv(dm.id, { held: closed(dm.peer) ?? { code: 'no_keys', message } });
      await machine.run(() => undefined, () => world.changes());
    }
    this.#base.tell(world.news());
  }

  /** Takes up a channel by its chain of operations, the last of which began an epoch; read is the epoch at which the manifests were read. */
  async loadChannel(conv: string, chain: readonly OpRecord[], epochNow: number, read = epochNow): Promise<void> {
    const ops = [...chain].sort((a, b) => a.n - b.n).map((one) => fromBase64(one.op));
    try {
      await this.#meeting((core) => core.loadChannel(fromBase64(conv), ops, epochNow, read));
      await this.#shun(conv, epochNow);
    } catch (error) {
      await this.#forked(conv, error, null);
    }
  }

  /** Reads a channel's operations from the place and takes it up. */
  async readChannel(conv: string, upTo: { n: number; epoch: number } | null): Promise<void> {
    const { ops, epoch: now, manifests } = await this.#base.api.get<Ops>(`/api/channels/${conv}/ops`);
    await this.#meet(manifests);
    const wanted = upTo === null || upTo.n < (this.channel(conv)?.n ?? 0) ? ops : ops.filter((one) => one.n <= upTo.n);
    await this.loadChannel(conv, wanted, wanted === ops ? now : (upTo?.epoch ?? now), now);
  }

  /** Applies an operation of the log and leaves its quiet line. */
  async op(record: OpRecord, moment: Moment): Promise<void> {
    const { machine, rows, world, me } = this.#base;
    const conv = record.conversation_id;
    await this.#meet(record.manifests ?? []);
    const reached = record.epochs?.find((one) => one.conversation_id === conv)?.epoch ?? 0;
    if (!this.knows(conv)) {
      if (record.n === 0) {
        await this.loadChannel(conv, [record], reached);
        return this.#mirror(conv);
      }
      await this.readChannel(conv, { n: record.n - 1, epoch: reached - 1 }); // each operation is exactly one epoch
    }
    const batch = rows.batch();
    try {
      const change = await this.#meeting(
        (core) => core.applyOp(fromBase64(conv), fromBase64(record.op), reached),
        async (done) => {
          await this.#line(batch, conv, toBase64(done.actor), happening(done), moment);
          return [...(await batch.changes()), ...(await world.changes())];
        },
      );
      this.#base.tell([...world.news(), ...(await batch.news())]);
      const out = change.type === opType.leave ? [change.actor] : change.type === opType.remove ? change.targets.map((one) => one.user) : [];
      if (out.some((user) => toBase64(user) === me)) await machine.run((core) => core.dropConversation(fromBase64(conv)));
    } catch (error) {
      if (coreError(error, 'old_op') === null) await this.#forked(conv, error, moment);
    }
    this.#mirror(conv);
  }

  // The place tells the members of a channel only with the channel; after an operation they follow from what was signed, without those whom the
  // place has dropped from the community.
  #mirror(conv: string): void {
    const { world, me } = this.#base;
    const [channel, now] = [world.get('channel', conv), this.channel(conv)];
    if (channel === undefined || now === null || !now.members.some((one) => one.user === me)) return;
    const here = now.members.filter((one) => world.get('member', `${channel.community_id}/${one.user}`) !== undefined);
    const members = here.map((one) => ({ user_id: one.user, admin: one.admin }));
    world.put('channel', conv, { ...channel, joined: true, n: now.n, epoch: now.epoch, members });
  }

  /** Heeds whom the place has dropped from a channel: nothing is sealed to them, though only a signed operation ends their membership. */
  async heed(channel: Channel): Promise<void> {
    const known = this.channel(channel.id);
    if (known === null || known.n !== channel.n) return; // the operation that the channel was read after is still to come, or has come since
    const here = new Set((channel.members ?? []).map((one) => one.user_id));
    const absent = known.members.map((one) => one.user).filter((user) => !here.has(user) || this.#closed(user));
    await this.#absent(channel.id, absent, channel.epoch);
  }

  /**
   * Takes what the place says of somebody. To a person whose account is paused or gone nothing is sealed, and to a restored one it is again; epochs are
   * the conversations whose epoch grew with it: their sender keys are made anew, as when somebody leaves.
   */
  async person({ epochs = [], ...user }: User): Promise<void> {
    const { world } = this.#base;
    const changed = world.get('user', user.id)?.state !== user.state;
    world.put('user', user.id, user);
    for (const member of world.all('member')) if (member.user.id === user.id) world.put('member', `${member.community_id}/${user.id}`, { ...member, user });
    for (const dm of world.all('dm')) if (dm.peer.id === user.id) world.put('dm', dm.id, { ...dm, peer: user });
    const grown = new Map(epochs.map((one) => [one.conversation_id, one.epoch]));
    if (!changed && grown.size === 0) return;
    for (const { id } of [...world.all('channel')]) {
      const known = this.channel(id);
      if (known?.members.some((one) => one.user === user.id) === true) await this.#shun(id, grown.get(id) ?? known.epoch, 'anew');
    }
    for (const dm of [...world.all('dm')]) {
      const known = this.channel(dm.id);
      if (dm.peer.id !== user.id && !grown.has(dm.id)) continue;
      if (known !== null) await this.#shunPeer(dm, grown.get(dm.id) ?? known.epoch);
      else if (changed) await this.loadDM({ ...dm, epoch: grown.get(dm.id) ?? dm.epoch });
    }
  }

  // Whose account does not work, by the place's word. This device would not be here if its own did not.
  #closed(user: string): boolean {
    return user !== this.#base.me && closed(this.#base.world.get('user', user)) !== null;
  }

  // Leaves out of a channel whoever is in its community no more, or whose account does not work. Without anybody to leave out there is nothing to do,
  // unless somebody may have been left out before.
  async #shun(conv: string, epochNow: number, anew: 'anew' | null = null): Promise<void> {
    const { world } = this.#base;
    const community = world.get('channel', conv)?.community_id;
    const out = (user: string): boolean => this.#closed(user) || (community !== undefined && world.get('member', `${community}/${user}`) === undefined);
    const absent = (this.channel(conv)?.members ?? []).map((one) => one.user).filter(out);
    if (absent.length > 0 || anew !== null) await this.#absent(conv, absent, epochNow);
  }

  async #shunPeer(dm: DM, epochNow: number): Promise<void> {
    const { world } = this.#base;
    const { held } = world.conv(dm.id);
    const why = closed(dm.peer);
    if (held?.code !== 'identity_changed') world.changeConv(dm.id, { held: why ?? (held?.code === 'paused' || held?.code === 'gone' ? null : held) });
    await this.#absent(dm.id, why === null ? [] : [dm.peer.id], epochNow);
  }

  async #absent(conv: string, users: readonly string[], epochNow: number): Promise<void> {
    const { machine, world } = this.#base;
    await machine.run((core) => core.absent(fromBase64(conv), users.map(fromBase64), epochNow), () => world.changes());
    this.#base.tell(world.news());
  }

  /** Takes up a conversation that a message came for before anything else of it did. */
  async takeUp(conv: string): Promise<void> {
    const dm = this.#base.world.get('dm', conv);
    if (dm !== undefined) await this.loadDM(dm);
    else if (this.#base.world.get('channel', conv)?.joined === true) await this.readChannel(conv, null);
  }

  /** Signs an operation and appends it; somebody else's in between is taken up first. */
  async append(conv: string, type: number, policy: number, targets: readonly Target[], catchUp: () => Promise<void>): Promise<void> {
    for (let tries = 0; ; tries++) {
      const { op } = await this.#meeting((core) => core.makeOp(fromBase64(conv), type, policy, [...targets]));
      try {
        await this.#base.api.post(`/api/channels/${conv}/ops`, { op: toBase64(op) });
        return await catchUp();
      } catch (error) {
        if (!refused(error, 'stale_op') || tries >= 4) throw error;
        await catchUp();
        if ((this.channel(conv)?.n ?? 0) < 1 || tries > 1) await this.readChannel(conv, null);
      }
    }
  }

  /** Builds the first operation of a new channel. */
  async create(policy: number, members: readonly string[]): Promise<string> {
    const targets = members.map((user) => ({ user: fromBase64(user), role: roleOf.member }));
    for (const user of members) await this.fetch(user);
    const { op } = await this.#meeting((core) => core.makeOp(null, opType.create, policy, targets));
    return toBase64(op);
  }

  async acceptIdentity(user: string): Promise<void> {
    const { machine, world } = this.#base;
    await machine.run((core) => core.acceptIdentity(fromBase64(user)));
    for (const dm of world.all('dm')) if (dm.peer.id === user) world.changeConv(dm.id, { held: closed(dm.peer) });
    await settle(this.#base);
  }

  /** The 60 digits to compare in person. */
  safetyNumber(user: string): string {
    return this.#base.machine.core.safetyNumber(fromBase64(user));
  }

  async drop(conv: string): Promise<void> {
    if (this.knows(conv)) await this.#base.machine.run((core) => core.dropConversation(fromBase64(conv)));
  }

  // Runs a call of the core that may need to know people better: their manifests are fetched, once for each.
  async #meeting<T>(call: (core: Core) => T, also?: Also<T>): Promise<T> {
    const met = new Set<string>();
    for (;;) {
      try {
        return await this.#base.machine.run(call, also);
      } catch (error) {
        const known = coreError(error, 'unknown_user') ?? coreError(error, 'unknown_device') ?? coreError(error, 'bad_op');
        const user = known?.user === undefined || known.user === null ? null : toBase64(known.user);
        if (user === null || met.has(user)) throw error;
        met.add(user);
        if (!(await this.fetch(user))) throw error;
      }
    }
  }

  // A history that does not hold up: nothing is sent there any more, and it is said once.
  async #forked(conv: string, error: unknown, moment: Moment | null): Promise<void> {
    if (coreError(error) === null) throw error;
    const { world, rows, machine } = this.#base;
    const message = 'The place sent a list of members that does not hold up to the checks. Nothing is sent here for now; ask whoever runs the place.';
    world.changeConv(conv, { held: { code: 'forked_view', message } });
    const batch = rows.batch();
    if (moment !== null) await this.#line(batch, conv, this.#base.me, { what: 'forked', targets: [] }, moment);
    await machine.run(() => undefined, async () => [...(await batch.changes()), ...(await world.changes())]);
    this.#base.tell([...world.news(), ...(await batch.news())]);
  }

  async #line(batch: Batch, conv: string, actor: string, what: Happening, { seq, at }: Moment): Promise<void> {
    await batch.put(conv, `event-${seq}`, seq, {
      sender: actor, device: '', at, seq, kind: 'event', text: '', replyTo: null, mentions: [], happening: what, code: '', marks: [],
      state: null, failure: null, late: false,
    });
  }
}

/** Why nothing can be sent to somebody whose account does not work; null when it does. */
function closed(user: User | undefined): ConvMeta['held'] {
  if (user?.state === 'suspended') {
    const message = `${user.display_name}’s account is paused by an admin of this place. Nothing can be sent here until it is restored.`;
    return { code: 'paused', message };
  }
  if (user?.state === 'deleted') return { code: 'gone', message: `${user.display_name}’s account was deleted. What was said here stays; nothing more can be sent.` };
  return null;
}

function epoch({ conversation_id, epoch: number }: ConvEpoch): { conv: Uint8Array; epoch: number } {
  return { conv: fromBase64(conversation_id), epoch: number };
}

function happening(change: OpChange): Happening {
  const targets = change.targets.map((one) => toBase64(one.user));
  switch (change.type) {
    case opType.add:
      return { what: 'added', targets };
    case opType.remove:
      return { what: 'removed', targets };
    case opType.role:
      return { what: change.targets[0]?.role === roleOf.admin ? 'admin' : 'unadmin', targets };
    case opType.leave:
      return { what: 'left', targets: [] };
    case opType.join:
      return { what: 'joined', targets: [] };
    case opType.policy:
      return { what: 'opened', targets: [] };
    default:
      return { what: 'created', targets: [] };
  }
}
