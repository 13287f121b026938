import type { Change } from '../../crypto/keystore.ts';
import { StaleCopy } from '../../crypto/keystore.ts';
import { pause, sleep } from '../../net/backoff.ts';
import { passes } from '../../net/failure.ts';
import type { Channel, DM, Event, Message, OpRecord, SessionNotice, State, SyncPage } from '../../net/wire.ts';
import { settle, type Base } from './base.ts';
import { coreError, refused } from './errors.ts';
import type { Inbox } from './inbox.ts';
import type { Membership, Moment } from './membership.ts';

/** What follows from events beyond the world they change. */
export interface SyncHost {
  /** Somebody is gone from a community: signed removals may be due. */
  memberGone(): void;
  /** A conversation can be written to again, or for the first time. */
  unheld(): void;
  readMoved(conv: string, seq: number): Promise<void>;
  /** Another copy of this device runs: this one has to stop. */
  stale(): void;
  /** This device was taken off the person's signed list. */
  removed(): void;
  /** Something about how the account is guarded. */
  notice(notice: SessionNotice, moment: Moment): Promise<void>;
}

const pageSize = 500;

/** Follows the place's log: strictly in order, each event once, the cursor moving in the same transaction as what it brought. */
export class Sync {
  readonly #base: Base;
  readonly #membership: Membership;
  readonly #inbox: Inbox;
  readonly #host: SyncHost;
  #cursor: number | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(base: Base, membership: Membership, inbox: Inbox, host: SyncHost) {
    this.#base = base;
    this.#membership = membership;
    this.#inbox = inbox;
    this.#host = host;
  }

  get cursor(): number {
    return this.#cursor ?? 0;
  }

  /** Begins where the last run ended; the very first time with the place's whole state. linked marks a device that joined an account. */
  async begin(linked: boolean): Promise<void> {
    this.#cursor = await this.#base.store.number('cursor');
    if (this.#cursor === null) await this.#turn(() => this.#loadState(linked));
    else if ((await this.#base.store.note('refill')) !== null) this.reset();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Takes events from the socket. */
  apply(events: readonly Event[], cursor: number): void {
    this.#unwatched(this.#turn(() => this.#patiently(events, cursor)));
  }

  /** Reads the place's whole state again: its log is not the one that our cursor is of. */
  reset(): void {
    this.#unwatched(this.#turn(() => this.#insist(() => this.#restart())));
  }

  /** Tries again what waited for a person's identity to be accepted; null: anybody's. */
  reopen(user: string | null): Promise<void> {
    return this.#turn(() => this.#inbox.reopen(user));
  }

  /** Everything that the place has by now is applied when this returns. Never to be awaited by what an event sets off. */
  catchUp(): Promise<void> {
    return this.#turn(async () => {
      for (let more = true; more && !this.#stopped; ) {
        const page = await this.#base.api.get<SyncPage>(`/api/sync?after=${this.cursor}&limit=${pageSize}`);
        if (page.reset === true) return this.#insist(() => this.#restart());
        await this.#patiently(page.events, page.cursor);
        more = page.more;
      }
    });
  }

  #turn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #patiently(events: readonly Event[], cursor: number): Promise<void> {
    return this.#insist(() => this.#all(events, cursor));
  }

  #unwatched(turn: Promise<void>): void {
    turn.catch((error: unknown) => {
      if (!this.#stopped) console.error('sync', error);
    });
  }

  // Nothing may be skipped because the network failed in the middle or the disk is full: the same work is tried again until it is done.
  async #insist(work: () => Promise<void>): Promise<void> {
    for (let tries = 0; !this.#stopped; tries++) {
      try {
        return await work();
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof StaleCopy) return this.#host.stale();
        if (!passes(error) && tries === 3) console.error('sync', error);
        await this.#base.world.load();
        await sleep(pause(error, tries));
      }
    }
  }

  async #all(events: readonly Event[], cursor: number): Promise<void> {
    let run: Message[] = [];
    const flush = async (): Promise<void> => {
      if (run.length === 0) return;
      const messages = run;
      run = [];
      await this.#inbox.take(messages, this.#at(messages.at(-1)!.seq));
    };
    for (const event of events) {
      if (event.seq <= this.cursor) continue;
      if (event.message !== undefined) {
        run.push({ ...event.message, seq: event.seq });
        continue;
      }
      await flush();
      await this.#event(event).catch(beyondUs);
      await this.#move(event.seq);
    }
    await flush();
    if (cursor > this.cursor) await this.#move(cursor);
  }

  #at(seq: number): Change {
    this.#cursor = seq;
    return { in: 'meta', key: 'cursor', value: seq };
  }

  async #move(seq: number): Promise<void> {
    const { machine, world, tell } = this.#base;
    await machine.run(
      () => undefined,
      async () => [...(await world.changes()), this.#at(seq)],
    );
    tell(world.news());
  }

  async #event(event: Event): Promise<void> {
    const { world, me } = this.#base;
    const moment = { seq: event.seq, at: event.at };
    if (event.op !== undefined) return this.#membership.op(event.op, moment);
    if (event.manifest !== undefined) {
      await this.#membership.manifest(event.manifest, moment);
      if (event.manifest.user_id === me && !this.#membership.active) return this.#host.removed();
      return this.#retryHeld(event.manifest.user_id);
    }
    if (event.user !== undefined) return this.#membership.person(event.user).then(() => this.#host.unheld());
    if (event.community !== undefined) return world.put('community', event.community.id, event.community);
    if (event.community_gone?.community_id !== undefined) return this.#communityGone(event.community_gone.community_id);
    if (event.community_member !== undefined) {
      const { community_id, user } = event.community_member;
      world.put('user', user.id, user);
      return world.put('member', `${community_id}/${user.id}`, event.community_member);
    }
    if (event.community_member_gone !== undefined) {
      const { community_id, user_id } = event.community_member_gone;
      if (community_id === undefined || user_id === undefined) return;
      if (user_id === me) return this.#communityGone(community_id);
      world.drop('member', `${community_id}/${user_id}`);
      return this.#host.memberGone();
    }
    if (event.group !== undefined) return world.put('group', event.group.id, event.group);
    if (event.group_gone?.group_id !== undefined) return world.drop('group', event.group_gone.group_id);
    if (event.channel !== undefined) return this.#channel(event.channel);
    if (event.channel_gone?.conversation_id !== undefined) return this.#channelGone(event.channel_gone.conversation_id);
    if (event.dm !== undefined) {
      world.put('user', event.dm.peer.id, event.dm.peer);
      world.put('dm', event.dm.id, event.dm);
      return this.#takeUpDM(event.dm).then(() => this.#host.unheld());
    }
    if (event.read !== undefined) return this.#host.readMoved(event.read.conversation_id, event.read.seq);
    if (event.session_notice !== undefined) return this.#host.notice(event.session_notice, moment);
  }

  // A DM one hears of is taken up as it stands now, with both device lists read at one moment; somebody gone meanwhile is taken as the log tells.
  async #takeUpDM(dm: DM): Promise<void> {
    if (this.#membership.knows(dm.id)) return this.#membership.loadDM(dm);
    try {
      await this.#membership.loadDM(await this.#base.api.post<DM>('/api/dms', { user_id: dm.peer.id }));
    } catch (error) {
      if (!refused(error, 'not_found')) throw error;
      await this.#membership.loadDM(dm);
    }
  }

  async #channel(channel: Channel): Promise<void> {
    const { world } = this.#base;
    world.put('channel', channel.id, channel);
    if (!channel.joined) return this.#membership.drop(channel.id);
    // To whoever has just come to be in it, the operation that did it follows.
    await this.#membership.heed(channel);
    this.#host.unheld();
  }

  async #channelGone(conv: string): Promise<void> {
    const { world } = this.#base;
    world.drop('channel', conv);
    world.drop('conv', conv);
    await this.#membership.drop(conv);
  }

  async #communityGone(community: string): Promise<void> {
    const { world } = this.#base;
    for (const channel of [...world.all('channel')]) if (channel.community_id === community) await this.#channelGone(channel.id);
    for (const group of [...world.all('group')]) if (group.community_id === community) world.drop('group', group.id);
    for (const one of [...world.all('member')]) if (one.community_id === community) world.drop('member', `${community}/${one.user.id}`);
    world.drop('community', community);
  }

  // A DM may have waited for this person's first keys.
  async #retryHeld(user: string): Promise<void> {
    const { world } = this.#base;
    for (const dm of [...world.all('dm')]) {
      if (dm.peer.id === user && world.conv(dm.id).held?.code === 'no_keys') await this.#membership.loadDM(dm);
    }
    this.#host.unheld();
  }

  async #loadState(linked: boolean): Promise<void> {
    const { api, me, tell } = this.#base;
    const state = await api.get<State>('/api/state');
    this.#replaceWorld(state);
    await settle(this.#base);
    const ours = state.manifests.filter((one) => one.user_id === me);
    for (const one of [...ours, ...state.manifests.filter((other) => other.user_id !== me)]) await this.#membership.manifest({ ...one, epochs: [] }, null);
    for (const channel of state.channels) {
      if (!channel.joined) continue;
      await this.#membership.loadChannel(channel.id, chain(state.ops, channel.id), channel.epoch);
      await this.#membership.heed(channel);
    }
    for (const dm of state.dms) await this.#membership.loadDM(dm);
    if (linked) await this.#linkedLines(state);
    await this.#move(state.cursor);
    tell(state.presence.map((one) => ({ t: 'put' as const, kind: 'presence' as const, id: one.user_id, value: one.presence })));
  }

  #replaceWorld(state: State): void {
    const { world } = this.#base;
    const fresh = {
      community: state.communities.map((one) => [one.id, one] as const),
      member: state.members.map((one) => [`${one.community_id}/${one.user.id}`, one] as const),
      group: state.groups.map((one) => [one.id, one] as const),
      channel: state.channels.map((one) => [one.id, one] as const),
      dm: state.dms.map((one) => [one.id, one] as const),
      user: [...state.members.map((one) => one.user), ...state.dms.map((one) => one.peer), state.me.user].map((one) => [one.id, one] as const),
    };
    for (const kind of ['community', 'member', 'group', 'channel', 'dm', 'user'] as const) {
      const ids = new Set(fresh[kind].map(([id]) => id));
      for (const id of world.ids(kind)) if (!ids.has(id)) world.drop(kind, id);
      for (const [id, value] of fresh[kind]) world.put(kind, id, value as never);
    }
    for (const { id, read_seq } of [...state.channels, ...state.dms]) {
      world.changeConv(id, { readSeq: Math.min(Math.max(read_seq, world.conv(id).readSeq), state.cursor) });
    }
    for (const { user_id, presence } of state.presence) world.put('presence', user_id, presence);
  }

  async #linkedLines(state: State): Promise<void> {
    const { rows, machine, me, tell } = this.#base;
    const batch = rows.batch();
    for (const { id } of [...state.channels.filter((one) => one.joined), ...state.dms]) {
      await batch.put(id, 'event-linked', state.cursor, {
        sender: me, device: '', at: Date.now(), seq: state.cursor, kind: 'event', text: '', replyTo: null, mentions: [],
        happening: { what: 'linked', targets: [] }, code: '', marks: [], state: null, failure: null, late: false,
      });
    }
    await machine.run(() => undefined, () => batch.changes());
    tell(await batch.news());
  }

  // The state, and what this device has not seen of each conversation. Interrupted, it is done again.
  async #restart(): Promise<void> {
    const { machine, store } = this.#base;
    await machine.run(() => undefined, async () => [await store.noting('refill', true)]);
    await this.#loadState(false);
    const { world } = this.#base;
    const missed: Message[] = [];
    for (const id of [...world.ids('channel'), ...world.ids('dm')]) if (this.#membership.knows(id)) missed.push(...(await this.#unseen(id)));
    missed.sort((a, b) => a.seq - b.seq);
    for (let at = 0; at < missed.length; at += pageSize) await this.#inbox.take(missed.slice(at, at + pageSize), this.#at(this.cursor));
    await machine.run(() => undefined, async () => [await store.noting('refill', null)]);
  }

  // What the place has of a conversation behind the newest message that this device has too.
  async #unseen(conv: string): Promise<Message[]> {
    const { api, store } = this.#base;
    const unseen: Message[] = [];
    for (let before = this.cursor + 1; ; ) {
      const { messages } = await api.get<{ messages: Message[] }>(`/api/conversations/${conv}/messages?before=${before}&limit=100`);
      for (const one of messages.toReversed()) {
        if ((await store.message(conv, one.message_id)) !== undefined) return unseen;
        unseen.push(one);
      }
      const [first] = messages;
      if (first === undefined || (await store.messages(conv, Infinity, 'older', 1)).length === 0) return unseen;
      before = first.seq;
    }
  }
}

// What the place tells of and does not have any more, and statements that do not hold up, must not keep back all that follows.
function beyondUs(error: unknown): void {
  const refusal = coreError(error);
  if (refusal !== null && !['state', 'random', 'pending'].includes(refusal.code)) return console.error('sync', error);
  if (!refused(error, 'not_found', 'forbidden')) throw error;
}

function chain(ops: readonly OpRecord[], conv: string): OpRecord[] {
  return ops.filter((one) => one.conversation_id === conv);
}
