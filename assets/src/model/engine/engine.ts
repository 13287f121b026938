import { openDB } from 'idb';
import { loadCore } from '../../crypto/load.ts';
import { Keystore } from '../../crypto/keystore.ts';
import { Machine } from '../../crypto/machine.ts';
import { Api, ask } from '../../net/api.ts';
import { pause, sleep } from '../../net/backoff.ts';
import { Fault, passes } from '../../net/failure.ts';
import { Session } from '../../net/session.ts';
import type { InvitePreview, PasskeyAssertion, PasskeyOptions, Place, SignedIn } from '../../net/wire.ts';
import type { News, Standing } from '../news.ts';
import type { Invitation } from '../types.ts';
import { Account } from './account.ts';
import { coreError, refused } from './errors.ts';
import { Home } from './home.ts';
import { Keys, type Recovery } from './keys.ts';
import { Outbox } from './outbox.ts';
import { SignIn, type Arrival } from './signin.ts';

const removedNotice = 'This browser was removed from your account on another device. Sign in again to use it; you will need your recovery key.';
const anewNotice = 'This browser had been removed from your account. The recovery key adds it again, with new keys; the messages it has stay here.';
const expiredNotice = 'That sign-in took too long, or had too many wrong codes. Begin again.';
const lockedVaultNotice = 'Your new password is set. Enter the recovery key once more to read your messages in this browser.';

/** How somebody came in: it decides what is set up for them. */
type Via = 'setup' | 'invite' | 'login';

/** A person of whom this browser keeps a database. */
interface Person {
  readonly user: string;
  readonly store: Keystore;
  readonly keys: Keys;
  readonly machine: Machine;
}

/** The engine of this browser: who is signed in, with which keys, and from then on their Home. */
export class Engine {
  readonly #tell: (news: readonly News[]) => void;
  readonly #halt: () => void;
  readonly #session = new Session(() => this.#ended(false));
  readonly api = new Api(this.#session);
  readonly account = new Account(this.api, this.#session);
  readonly #signIn = new SignIn();
  standing: Standing = { at: 'loading', notice: null, name: null, place: null, me: null, recoveryKey: null, recoveryKeyUnconfirmed: false };
  /** Resolves once it is known which screen is due. */
  readonly ready: Promise<void>;
  #known!: () => void;
  #home: Home | null = null;
  #person: Person | null = null;

  constructor(tell: (news: readonly News[]) => void, halt: () => void) {
    this.#tell = tell;
    this.#halt = halt;
    this.ready = new Promise((resolve) => {
      this.#known = resolve;
    });
  }

  /** The signed-in person's home; a Fault when there is none. */
  get home(): Home {
    if (this.#home === null) throw new Fault('signed_out', 'Sign in first.');
    return this.#home;
  }

  /** Everything a tab that has just come has to know. */
  snapshot(): News[] {
    const home = this.#home;
    const standing: News = { t: 'standing', value: this.standing };
    if (home === null) return [standing];
    return [{ t: 'whole' }, ...home.world.snapshot(), { t: 'connection', value: home.connection }, standing];
  }

  /** From the start of the browser to the right screen. */
  async start(): Promise<void> {
    void this.#core().catch(() => undefined); // loads while somebody types a password
    const user = await remembered();
    if (user !== null && (await this.#resume(user))) return;
    await this.#stranger();
  }

  /** Opens what is on this browser, at once and without the network; false when keys were never finished here. */
  async #resume(user: string): Promise<boolean> {
    const person = await this.#open(user);
    if (!(await person.keys.published())) return false;
    if (!person.keys.active) {
      void this.#learnPlace();
      this.#removed();
      return true;
    }
    await this.#enter(person, null);
    return true;
  }

  async #stranger(): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        const place = await ask<Place>('GET', '/api/place', undefined, null);
        if (!place.set_up) return this.#stand({ at: 'setup', notice: null, place: placeOf(place) });
        this.placeChanged(place);
        return await this.#signedIn(await this.#session.refresh(), null);
      } catch (error) {
        if (error instanceof Fault && error.status === 401) return this.#stand({ at: 'signed-out', notice: null });
        if (!passes(error)) throw error;
        if (tries === 0 && (error as Fault).status !== 429) this.#stand({ at: 'signed-out', notice: 'This place cannot be reached just now. It is tried again by itself.' });
        await sleep(pause(error, tries));
      }
    }
  }

  async setup(input: { token: string; placeName: string; username: string; displayName: string; password: string }): Promise<void> {
    const { token, placeName, username, displayName, password } = input;
    const body = { token, place_name: placeName, username, display_name: displayName, password, transport: 'cookie' };
    await this.#signedIn(await ask<SignedIn>('POST', '/api/setup', body, null), 'setup');
  }

  async register(input: { username: string; displayName: string; password: string; invite: string | null }): Promise<void> {
    const { username, displayName, password, invite } = input;
    const body = { username, display_name: displayName, password, transport: 'cookie', ...(invite === null ? {} : { invite }) };
    await this.#signedIn(await ask<SignedIn>('POST', '/api/auth/register', body, null), 'invite');
  }

  async login(input: { username: string; password: string }): Promise<void> {
    await this.#arrive(await this.#signIn.login(input));
  }

  async secondStep(input: { code?: string; backupCode?: string; trust: boolean }): Promise<void> {
    try {
      await this.#arrive(await this.#signIn.secondStep(input));
    } catch (error) {
      if (refused(error, 'challenge_gone')) this.#backToLogin(expiredNotice);
      throw error;
    }
  }

  cancelSignIn(): void {
    this.#signIn.cancel();
    this.#backToLogin(null);
  }

  async recover(input: { username: string; recoveryKey: string; password: string }): Promise<void> {
    await this.#arrive(await this.#signIn.recover(await this.#core(), input));
  }

  async previewReset(token: string): Promise<{ username: string; expiresAt: number }> {
    const { username, expires_at } = await this.#signIn.previewReset(token);
    return { username, expiresAt: expires_at };
  }

  async reset(input: { token: string; password: string }): Promise<void> {
    await this.#arrive(await this.#signIn.reset(input));
  }

  passkeyOptions(): Promise<PasskeyOptions> {
    return this.#signIn.passkeyOptions();
  }

  async loginByPasskey(passkey: PasskeyAssertion): Promise<void> {
    await this.#arrive(await this.#signIn.passkey(passkey));
  }

  async previewInvite(token: string): Promise<Invitation> {
    const preview = await ask<InvitePreview>('POST', '/api/invites/preview', { token }, null);
    return {
      placeName: preview.place_name, communityName: preview.community_name, inviterName: preview.inviter_name,
      people: preview.people, expiresAt: preview.expires_at,
    };
  }

  /** Ends the session and forgets this person on this browser, keys and messages included. */
  async logout(): Promise<void> {
    const user = this.#person?.user ?? null;
    try {
      await this.api.post('/api/auth/logout');
    } catch (error) {
      if (!refused(error, 'session_ended', 'unauthorized')) throw error; // over already
    }
    await this.#erase(user);
    this.#out('You are signed out, and your keys and messages are gone from this browser.');
  }

  /** Ends the account for good: channels are handed over first, and nothing of it stays on this browser. */
  async deleteAccount(): Promise<void> {
    const { user } = this.#signedInPerson(); // the place closes the socket before it has answered
    await this.account.confirmed();
    this.home.places.ownsNothing();
    await this.home.places.handOverChannels();
    await this.api.delete('/api/me');
    await this.#erase(user);
    for (const name of await globalThis.caches.keys()) await globalThis.caches.delete(name);
    this.#out('Your account is deleted, and everything of it is gone from this browser.');
  }

  async checkRecoveryKey(recoveryKey: string): Promise<boolean> {
    const { user, keys } = this.#signedInPerson();
    return keys.checkRecoveryKey(user, recoveryKey);
  }

  async changeRecoveryKey(old: string): Promise<void> {
    const { user, keys } = this.#signedInPerson();
    await keys.changeRecoveryKey(user, old);
    await this.#rekeyed();
  }

  /** The place was changed by its admin. */
  placeChanged(place: Place): void {
    this.#stand({ place: placeOf(place) });
  }

  async unlock(recoveryKey: string): Promise<void> {
    const person = this.#signedInPerson();
    await person.keys.recover(person.user, recoveryKey);
    await this.#enter(person, 'linked');
  }

  async recoveryConfirmed(): Promise<void> {
    await this.#person?.keys.setRecovery(null);
    this.#stand({ recoveryKeyUnconfirmed: false });
  }

  async postponeRecovery(): Promise<void> {
    const code = this.standing.recoveryKey;
    if (code !== null) await this.#person?.keys.setRecovery({ code: code.replaceAll('-', ''), postponed: true });
    this.#stand({ at: 'chat', recoveryKeyUnconfirmed: true });
  }

  enterChat(): void {
    if (this.#home === null) return;
    this.#stand({ at: 'chat', ...(this.standing.recoveryKeyUnconfirmed ? {} : { recoveryKey: null }) });
  }

  /** Where a newcomer lands: the first channel they are in. */
  landing(): string | null {
    const channels = [...this.home.world.all('channel')].filter((one) => one.joined);
    return (channels.find((one) => one.name === 'general') ?? channels[0])?.id ?? null;
  }

  // null: a second step is due.
  async #arrive(arrival: Arrival | null): Promise<void> {
    if (arrival === null) this.#stand({ at: 'two-step', notice: null, name: this.#signIn.name });
    else await this.#signedIn(arrival.signedIn, 'login', arrival.recoveryKey);
  }

  /** recoveryKey is the one that somebody came in by: it opens their keys here too, and makes room for a new one. */
  async #signedIn(signedIn: SignedIn, via: Via | null, recoveryKey: string | null = null): Promise<void> {
    this.#session.accept(signedIn);
    const user = signedIn.user.id;
    await remember(user);
    const person = this.#person?.user === user ? this.#person : await this.#open(user);
    if (via !== null && via !== 'login') await person.machine.run(() => undefined, async () => [await person.store.noting('via', via)]);
    this.#stand({ notice: null, name: null, me: user });
    const { keys } = person;
    if (!keys.exist && signedIn.has_keys) return this.#lockedOut(person, null, recoveryKey);
    if (!keys.exist || !signedIn.has_keys) await keys.create(user);
    else if (await keys.bind()) await keys.publish(user);
    else return this.#beginAnew(person, recoveryKey);
    await this.#settledIn(person, null, recoveryKey);
    this.home.world.put('user', user, signedIn.user);
    this.#tell(this.home.world.news());
  }

  /** This browser has no keys of the account: they are opened with the recovery key, now or when somebody enters it. */
  async #lockedOut(person: Person, notice: string | null, recoveryKey: string | null): Promise<void> {
    if (recoveryKey === null) return this.#stand({ at: 'unlock', notice });
    try {
      await person.keys.recover(person.user, recoveryKey);
    } catch (error) {
      if (!(error instanceof Fault) && coreError(error) === null) throw error;
      return this.#stand({ at: 'unlock', notice: lockedVaultNotice });
    }
    await this.#settledIn(person, 'linked', recoveryKey);
  }

  /** A recovery key that was used to get in has been in a form field: a new one takes its place. Should that fail, it is still good. */
  async #settledIn(person: Person, linked: 'linked' | null, recoveryKey: string | null): Promise<void> {
    let unchanged = false;
    try {
      if (recoveryKey !== null) await person.keys.changeRecoveryKey(person.user, recoveryKey);
    } catch (error) {
      if (!(error instanceof Fault) && coreError(error) === null) throw error;
      unchanged = (await person.store.note('rekey')) === null; // else it is not known yet, and settled at the next connection
    }
    await this.#enter(person, linked);
    if (unchanged) await this.home.notices.raise('recovery_key_unchanged');
  }

  /** The keys here are worth nothing any more: this browser can only become a device of the account once again. */
  async #beginAnew({ user, store }: Person, recoveryKey: string | null): Promise<void> {
    await store.forgetDevice(await Outbox.unsealed(store));
    await this.#lockedOut(await this.#open(user), anewNotice, recoveryKey);
  }

  /** Opens the home and shows the screen that is due. */
  async #enter(person: Person, linked: 'linked' | null): Promise<void> {
    const { user, store, machine, keys } = person;
    this.#home?.stop();
    const home = await Home.open(user, store, machine, keys, {
      api: this.api,
      token: (renewed) => this.#session.token(renewed),
      session: () => this.#session.id,
      tell: this.#tell,
      ended: (barred) => this.#ended(barred),
      removed: () => this.#removed(),
      rekeyed: () => void this.#rekeyed(),
      halt: this.#halt,
    });
    this.#home = home;
    const recovery = await keys.recovery();
    const at = recovery !== null && !recovery.postponed ? 'recovery-key' : 'chat';
    this.standing = { ...this.standing, at, me: user, notice: null, name: null, recoveryKey: spelled(recovery), recoveryKeyUnconfirmed: recovery !== null };
    this.#tell(this.snapshot());
    this.#known();
    this.#run(home, person, linked).catch((error: unknown) => {
      if (this.#home === home) console.error('run', error); // otherwise it was left in the middle
    });
  }

  async #run(home: Home, { store, machine }: Person, linked: 'linked' | null): Promise<void> {
    void this.#learnPlace();
    await home.run(linked !== null);
    const via = await store.note<Via>('via');
    if (via === null) return;
    for (const { id } of [...home.world.all('community')]) if (via === 'setup') await home.places.furnish(id);
    if (via === 'invite') await home.places.settleIn();
    await machine.run(() => undefined, async () => [await store.noting('via', null)]);
  }

  async #learnPlace(): Promise<void> {
    try {
      this.placeChanged(await ask<Place>('GET', '/api/place', undefined, null));
    } catch {
      // Its name is shown once it is reached.
    }
  }

  async #open(user: string): Promise<Person> {
    this.#leave();
    const store = await Keystore.open(user, () => this.#halt());
    const machine = await Machine.open(await this.#core(), store);
    const keys = new Keys(store, machine, this.api, this.#session);
    this.#person = { user, store, machine, keys };
    return this.#person;
  }

  #leave(): void {
    this.#home?.stop();
    this.#home = null;
    this.#person?.store.close();
    this.#person = null;
  }

  // The new key is in force: it has to be written down now.
  async #rekeyed(): Promise<void> {
    const recovery = (await this.#person?.keys.recovery()) ?? null;
    if (recovery !== null) this.#stand({ at: 'recovery-key', recoveryKey: spelled(recovery), recoveryKeyUnconfirmed: true });
  }

  #signedInPerson(): Person {
    if (this.#person === null) throw new Fault('signed_out', 'Sign in first.');
    return this.#person;
  }

  /** Deletes all that this browser keeps of a person. */
  async #erase(user: string | null): Promise<void> {
    this.#leave();
    await remember(null);
    if (user !== null) await Keystore.erase(user);
    this.#session.forget();
  }

  // Whoever is signed in here all the while (and opened the link of a reset) goes back to where they were.
  #backToLogin(notice: string | null): void {
    if (this.standing.at === 'two-step') this.#stand({ at: this.#home === null ? 'signed-out' : 'chat', notice, name: null });
  }

  #ended(barred: boolean): void {
    if (this.#home === null && this.standing.at !== 'unlock') return;
    this.#out(barred
      ? 'Your account here was paused. Ask whoever looks after this place; your messages are still in this browser.'
      : 'You were signed out here. Sign in again; your messages are still in this browser.');
  }

  #removed(): void {
    this.#out(removedNotice);
  }

  #out(notice: string): void {
    this.#leave();
    this.#stand({ at: 'signed-out', me: null, name: null, recoveryKey: null, recoveryKeyUnconfirmed: false, notice });
  }

  #core(): ReturnType<typeof loadCore> {
    return loadCore(this.#halt);
  }

  #stand(change: Partial<Standing>): void {
    this.standing = { ...this.standing, ...change };
    this.#tell([{ t: 'standing', value: this.standing }]);
    if (this.standing.at !== 'loading') this.#known();
  }
}

/** As it is shown: seven groups of four. */
function spelled(recovery: Recovery | null): string | null {
  return recovery?.code.replace(/(.{4})(?=.)/g, '$1-') ?? null;
}

function placeOf({ name, registration, set_up }: Place): NonNullable<Standing['place']> {
  return { name, registration, setUp: set_up };
}

// Who was signed in when this browser was last open.
async function remembered(): Promise<string | null> {
  const db = await openDB('chatalot', 1, { upgrade: (fresh) => void fresh.createObjectStore('kv') });
  const user: unknown = await db.get('kv', 'user');
  db.close();
  return typeof user === 'string' ? user : null;
}

async function remember(user: string | null): Promise<void> {
  const db = await openDB('chatalot', 1, { upgrade: (fresh) => void fresh.createObjectStore('kv') });
  if (user === null) await db.delete('kv', 'user');
  else await db.put('kv', user, 'user');
  db.close();
}
