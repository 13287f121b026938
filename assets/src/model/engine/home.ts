import { StaleCopy, type Keystore } from '../../crypto/keystore.ts';
import type { Machine } from '../../crypto/machine.ts';
import type { Api } from '../../net/api.ts';
import { pause, sleep } from '../../net/backoff.ts';
import { passes } from '../../net/failure.ts';
import { Socket } from '../../net/socket.ts';
import type { Frame, PresenceChange } from '../../net/wire.ts';
import type { News } from '../news.ts';
import type { Connection } from '../types.ts';
import type { Base } from './base.ts';
import { Inbox } from './inbox.ts';
import type { Keys } from './keys.ts';
import { Membership } from './membership.ts';
import { Notices } from './notices.ts';
import { Outbox } from './outbox.ts';
import { Places } from './places.ts';
import { Rows } from './rows.ts';
import { Sealing } from './sealing.ts';
import { Sync } from './sync.ts';
import { Talk } from './talk.ts';
import { World } from './world.ts';

const awayAfter = 10 * 60_000;

/** What a home needs from the engine around it. */
export interface HomeHost {
  readonly api: Api;
  token(renewed: boolean): Promise<string>;
  /** The id of the session. */
  session(): string | null;
  tell(news: readonly News[]): void;
  /** The session is over. */
  ended(barred: boolean): void;
  /** This device was taken off the person's signed list. */
  removed(): void;
  /** A new recovery key has come into force after all: it has to be shown. */
  rekeyed(): void;
  /** This copy must stop: another one runs, or the core died. */
  halt(): void;
}

/** One person signed in with keys on this browser: everything that runs while the chat is open. */
export class Home {
  readonly world: World;
  readonly talk: Talk;
  readonly places: Places;
  readonly outbox: Outbox;
  readonly membership: Membership;
  readonly notices: Notices;
  connection: Connection = 'starting';
  readonly #base: Base;
  readonly #host: HomeHost;
  readonly #keys: Keys;
  readonly #sync: Sync;
  readonly #socket: Socket;
  #running = false;
  #active = Date.now();
  #away = false;
  #idle: ReturnType<typeof setInterval> | undefined;

  private constructor(base: Base, keys: Keys, host: HomeHost) {
    this.#base = base;
    this.#host = host;
    this.#keys = keys;
    this.world = base.world;
    this.membership = new Membership(base);
    this.notices = new Notices(base, () => host.session());
    const catchUp = (): Promise<void> => this.#sync.catchUp();
    this.outbox = new Outbox(base, new Sealing(base, this.membership), catchUp);
    this.talk = new Talk(base, this.outbox, this.membership);
    this.places = new Places(base, this.membership, catchUp);
    const inbox = new Inbox(base, this.membership, this.outbox, (conv) => this.talk.recount(conv));
    this.#sync = new Sync(base, this.membership, inbox, {
      memberGone: () => void this.#tidySoon(),
      unheld: () => this.outbox.hurry(this.connection === 'online'),
      readMoved: (conv, seq) => this.talk.readMoved(conv, seq),
      stale: () => host.halt(),
      removed: () => host.removed(),
      notice: (notice, moment) => this.notices.take(notice, moment),
    });
    this.#socket = new Socket({
      token: (renewed) => host.token(renewed),
      cursor: () => this.#sync.cursor,
      frame: (frame) => this.#frame(frame),
      state: (state) => this.#connected(state),
      ended: (barred) => host.ended(barred),
    });
  }

  /** Opens what this browser keeps; works without the network. */
  static async open(me: string, store: Keystore, machine: Machine, keys: Keys, host: HomeHost): Promise<Home> {
    const world = new World(store);
    await world.load();
    const membership: { of: Membership | null } = { of: null };
    const admin = (conv: string, user: string): boolean => membership.of?.channel(conv)?.members.some((one) => one.user === user && one.admin) ?? false;
    const base: Base = {
      me, device: keys.device, store, machine, api: host.api, world, rows: new Rows({ store, world, me, admin }), tell: (news) => host.tell(news),
    };
    const home = new Home(base, keys, host);
    membership.of = home.membership;
    await home.outbox.load();
    return home;
  }

  /** Begins to follow the place; tries until it is reached. linked marks a device that joined an account just now. */
  async run(linked: boolean): Promise<void> {
    this.#running = true;
    for (let tries = 0; this.#running; tries++) {
      try {
        await this.#sync.begin(linked);
        break;
      } catch (error) {
        if (error instanceof StaleCopy) return this.#host.halt();
        if (!passes(error)) throw error;
        this.#connected('offline');
        await sleep(pause(error, tries));
      }
    }
    if (!this.#running) return;
    this.#socket.start();
    this.#idle = setInterval(() => void this.#checkIdle(), 30_000);
  }

  stop(): void {
    this.#running = false;
    clearInterval(this.#idle);
    this.#sync.stop();
    this.#socket.stop();
    this.outbox.stop();
  }

  /** Somebody is at the keyboard, in whichever tab. */
  activity(): void {
    this.#active = Date.now();
    if (this.#away) void this.#checkIdle();
  }

  async acceptIdentity(person: string): Promise<void> {
    await this.membership.acceptIdentity(person);
    this.outbox.hurry(this.connection === 'online');
    await this.#sync.reopen(person);
  }

  /** The browser says whether there is a network at all; a tab hears of it more surely than a worker. */
  network(there: boolean): void {
    if (there) this.check();
    else this.#socket.drop();
  }

  /** The browser woke up or came back to the network: find out now whether the connection lives. */
  check(): void {
    void this.#socket.check();
  }

  #connected(state: Connection): void {
    this.connection = state;
    this.#host.tell([{ t: 'connection', value: state }]);
    if (state !== 'online') return this.outbox.hurry(false);
    void this.#online();
  }

  /** What is due whenever the place is reached again. */
  async #online(): Promise<void> {
    this.outbox.hurry(true);
    try {
      await this.notices.own();
      await this.#settleRekey();
      await this.talk.tellReads();
      await this.#keys.topUp();
      await this.places.tidy();
      await this.#sync.reopen(null);
      if (this.#away) await this.#base.api.put('/api/me/presence', { presence: 'away' });
    } catch (error) {
      if (error instanceof StaleCopy) this.#host.halt();
      // Everything else is due again at the next connection.
    }
  }

  // A new recovery key of which it was not known whether the place has its vault.
  async #settleRekey(): Promise<void> {
    const inForce = await this.#keys.settleRekey(this.#base.me);
    if (inForce === 'new') {
      await this.notices.dismiss('recovery_key_unchanged');
      this.#host.rekeyed();
    }
    if (inForce === 'old') await this.notices.raise('recovery_key_unchanged');
  }

  #frame(frame: Frame): void {
    switch (frame.t) {
      case 'events':
        return this.#sync.apply(frame.events ?? [], frame.cursor ?? 0);
      case 'typing':
        if (frame.typing !== undefined && frame.typing.user_id !== this.#base.me) {
          this.#host.tell([{ t: 'typing', conv: frame.typing.conversation_id, user: frame.typing.user_id }]);
        }
        return;
      case 'ready':
        if (frame.cursor !== undefined) this.#present(frame.present ?? []); // the first of a connection
        return;
      case 'presence':
        if (frame.presence !== undefined) {
          this.world.put('presence', frame.presence.user_id, frame.presence.presence);
          this.#host.tell(this.world.news());
        }
        return;
      case 'keys_low':
        return void this.#keys.topUp(frame.keys_low).catch(() => undefined);
      case 'reset':
        return this.#sync.reset();
    }
  }

  // Whoever came or went while there was no connection is told with the next one.
  #present(there: readonly PresenceChange[]): void {
    const now = new Map(there.map((one) => [one.user_id, one.presence]));
    for (const id of this.world.ids('presence')) if (!now.has(id)) this.world.put('presence', id, 'offline');
    for (const [id, presence] of now) this.world.put('presence', id, presence);
    this.#host.tell(this.world.news());
  }

  async #checkIdle(): Promise<void> {
    const away = Date.now() - this.#active > awayAfter;
    if (away === this.#away) return;
    this.#away = away;
    await this.#base.api.put('/api/me/presence', { presence: away ? 'away' : 'online' }).catch(() => undefined);
  }

  // Every admin's client sees it at the same moment: one of them is enough.
  async #tidySoon(): Promise<void> {
    await sleep(200 + Math.random() * 2_000);
    if (this.#running) await this.places.tidy().catch(() => undefined);
  }
}
