import { newId } from '../net/base64.ts';
import { TabAccount } from './account.ts';
import { TabAdmin } from './admin.ts';
import { Bridge } from './bridge.ts';
import { lasting } from './lasting.svelte.ts';
import type { News, Standing } from './news.ts';
import { assertion } from './passkey.ts';
import { missing } from './support.ts';
import { OpenTimeline } from './timeline.svelte.ts';
import type { Admin, App, Connection, Conversation, Failure, Id, Invitation, MadeInvite, Person, Stage, Toast } from './types.ts';
import { World } from './world.svelte.ts';

const activityEvery = 30_000;
/** The addresses whose fragment is a token. */
const withToken: readonly string[] = ['/setup', '/join', '/reset'];
/** Where somebody may stand who opens the link of a reset: signed in or not, the link comes first. */
const resettable: ReadonlySet<Standing['at']> = new Set(['signed-out', 'unlock', 'recovery-key', 'chat']);

/** One tab of the app: a picture of what the engine knows, and every action passed on to it. */
class Tab implements App {
  connection = $state<Connection>('starting');
  following = $state(false);
  toasts = $state.raw<readonly Toast[]>([]);
  recoveryChallenge = $state.raw(challenge());
  readonly #why = missing();
  readonly #world = new World();
  readonly #bridge: Bridge | null = this.#why === null ? new Bridge((news) => this.#hear(news), (here) => void this.#owned(here)) : null;
  #standing = $state.raw<Standing>({ at: 'loading', notice: null, name: null, place: null, me: null, recoveryKey: null, recoveryKeyUnconfirmed: false });
  #token = $state.raw(tokenOf(location));
  #open = $state.raw<OpenTimeline | null>(null);
  #watching = false;
  #told = 0;
  #count = 0;

  readonly stage: Stage = $derived.by(() => this.#stage());
  readonly place = $derived(this.#standing.place);
  readonly me: Person | null = $derived(this.#standing.me === null ? null : this.#world.person(this.#standing.me));
  readonly recoveryKey = $derived(this.#standing.recoveryKey);
  readonly recoveryKeyUnconfirmed = $derived(this.#standing.recoveryKeyUnconfirmed);
  readonly #desk = this.#bridge === null ? null : new TabAdmin(this.#bridge, this.#world);
  readonly admin: Admin | null = $derived(this.#world.role === 'admin' ? this.#desk : null);
  #account: TabAccount | null = null;
  readonly timeline = $derived(this.#open);
  readonly current: Conversation | null = $derived.by(() => {
    const id = this.#open?.conversationId ?? null;
    return id === null || !this.#world.has(id) ? null : this.#world.conversation(id);
  });
  readonly #all = $derived([...this.#world.maps.channel.keys(), ...this.#world.maps.dm.keys()].map((id) => this.#world.conversation(id)));
  readonly totalUnread = $derived(this.#all.reduce((sum, one) => sum + (one.muted ? 0 : one.unread), 0));
  readonly totalMentions = $derived(this.#all.reduce((sum, one) => sum + one.mentions, 0));

  constructor() {
    if (this.#bridge === null) return;
    for (const event of ['pointerdown', 'keydown'] as const) addEventListener(event, () => this.#active(), { passive: true });
    for (const there of [true, false]) {
      addEventListener(there ? 'online' : 'offline', () => {
        if (this.#standing.at === 'chat') this.#quietly(this.#ask.call('network', there));
      });
    }
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible') return;
      this.#active();
      if (this.#standing.at === 'chat') this.#quietly(this.#ask.call('check'));
    });
  }

  get communities() {
    return this.#world.communities;
  }
  get dms() {
    return this.#world.dms;
  }
  get people() {
    return this.#world.people;
  }
  get account() {
    return (this.#account ??= new TabAccount(this.#ask, this.#world));
  }
  get securityNotices() {
    return this.#world.notices;
  }

  /* getting in */

  async setup(input: { token: string; placeName: string; username: string; displayName: string; password: string }): Promise<void> {
    await this.#ask.call('setup', { ...input });
    this.#arrived();
  }
  previewInvite(token: string): Promise<Invitation> {
    return this.#ask.call('previewInvite', token);
  }
  async register(input: { username: string; displayName: string; password: string; invite: string | null }): Promise<void> {
    await this.#ask.call('register', { ...input });
    this.#arrived();
  }
  async login(input: { username: string; password: string }): Promise<void> {
    await this.#ask.call('login', { ...input });
    this.#enteredByName();
  }
  async loginByPasskey(): Promise<boolean> {
    const passkey = await assertion(await this.#ask.call('passkeyOptions'));
    if (passkey === null) return false;
    await this.#ask.call('loginByPasskey', passkey);
    this.#enteredByName();
    return true;
  }
  async secondStep(input: { code?: string; backupCode?: string; trust: boolean }): Promise<void> {
    await this.#ask.call('secondStep', { ...input });
    this.#enteredByName();
  }
  cancelSignIn(): void {
    if (this.#token.path === '/reset') this.#arrived();
    this.#quietly(this.#ask.call('cancelSignIn'));
  }
  async recover(input: { username: string; recoveryKey: string; password: string }): Promise<void> {
    await this.#ask.call('recover', { ...input });
    this.#enteredByName();
  }
  previewReset(token: string): Promise<{ username: string; expiresAt: number }> {
    return this.#ask.call('previewReset', token);
  }
  async reset(input: { token: string; password: string }): Promise<void> {
    await this.#ask.call('reset', { ...input });
    this.#arrived();
  }
  logout(): Promise<void> {
    return this.#ask.call('logout');
  }
  async confirmRecoveryKey(groups: readonly string[]): Promise<boolean> {
    const key = this.recoveryKey?.split('-') ?? [];
    const right = this.recoveryChallenge.every((at, i) => key[at] !== undefined && key[at] === crockford(groups[i] ?? ''));
    if (right) await this.#ask.call('recoveryConfirmed');
    if (right && this.#standing.at === 'recovery-key') this.#keep();
    return right;
  }
  postponeRecoveryKey(): void {
    this.#quietly(this.#ask.call('postponeRecovery'));
    this.#keep();
  }
  async unlock(recoveryKey: string): Promise<void> {
    await this.#ask.call('unlock', recoveryKey);
    this.#keep();
  }
  enterChat(): void {
    this.#quietly(
      this.#ask.call('enterChat').then((landing) => {
        if (landing !== null && this.#open === null) this.openConversation(landing);
      }),
    );
  }

  /* where one is */

  openConversation(id: Id): void {
    if (this.#open?.conversationId === id) return;
    const timeline = lasting(() => new OpenTimeline(id, this.#world, this.#ask));
    this.#open = timeline;
    this.#quietly(timeline.open());
  }
  closeConversation(): void {
    this.#open = null;
  }
  async loadOlder(): Promise<void> {
    await this.#open?.older();
  }
  async loadNewer(): Promise<void> {
    await this.#open?.newer();
  }
  async showMessage(id: Id): Promise<boolean> {
    return (await this.#open?.show(id)) ?? false;
  }
  async jumpToPresent(): Promise<void> {
    await this.#open?.open();
  }
  markRead(): void {
    const conv = this.#open?.conversationId;
    if (conv !== undefined) this.#quietly(this.#ask.call('read', conv));
  }
  setAtEnd(atEnd: boolean): void {
    this.#watching = atEnd;
  }

  /* writing */

  async send(text: string, replyTo: Id | null): Promise<void> {
    const timeline = this.#timeline();
    await this.#ask.call('send', timeline.conversationId, newId(), text, replyTo);
    if (timeline.hasNewer) await timeline.open();
  }
  retry(messageId: Id): void {
    this.#quietly(this.#ask.call('retry', this.#timeline().conversationId, messageId));
  }
  discard(messageId: Id): void {
    this.#quietly(this.#ask.call('discard', this.#timeline().conversationId, messageId));
  }
  edit(messageId: Id, text: string): Promise<void> {
    return this.#ask.call('edit', this.#timeline().conversationId, newId(), messageId, text);
  }
  remove(messageId: Id, conversationId?: Id): Promise<void> {
    return this.#ask.call('remove', conversationId ?? this.#timeline().conversationId, newId(), messageId);
  }
  async toggleReaction(messageId: Id, emoji: string): Promise<void> {
    const timeline = this.#timeline();
    const mine = timeline.row(messageId)?.reactions.some((one) => one.emoji === emoji && one.by.includes(this.#standing.me ?? '')) ?? false;
    await this.#ask.call('react', timeline.conversationId, newId(), messageId, emoji, !mine);
  }
  saveDraft(conversationId: Id, text: string, replyTo: Id | null): void {
    const draft = text.trim() === '' && replyTo === null ? null : { text, replyTo };
    this.#quietly(this.#ask.call('draft', conversationId, draft));
  }
  typing(): void {
    const conv = this.#open?.conversationId;
    if (conv !== undefined) this.#quietly(this.#ask.call('typing', conv));
  }
  setMuted(conversationId: Id, muted: boolean): void {
    this.#quietly(this.#ask.call('mute', conversationId, muted));
  }

  /* people */

  /** Goes on writing to somebody whose identity changed. */
  acceptIdentity(person: Id): Promise<void> {
    return this.#ask.call('acceptIdentity', person);
  }
  /** The 60 digits that both compare in person. */
  safetyNumber(person: Id): Promise<string> {
    return this.#ask.call('safetyNumber', person);
  }

  /* places to talk */

  createCommunity(name: string): Promise<Id> {
    return this.#ask.call('createCommunity', name);
  }
  renameCommunity(id: Id, name: string): Promise<void> {
    return this.#ask.call('renameCommunity', id, name);
  }
  leaveCommunity(id: Id): Promise<void> {
    return this.#ask.call('leaveCommunity', id);
  }
  removeFromCommunity(id: Id, person: Id): Promise<void> {
    return this.#ask.call('removeFromCommunity', id, person);
  }
  setCommunityRole(id: Id, person: Id, role: 'admin' | 'member'): Promise<void> {
    return this.#ask.call('setCommunityRole', id, person, role);
  }
  createGroup(communityId: Id, name: string): Promise<Id> {
    return this.#ask.call('createGroup', communityId, name);
  }
  renameGroup(id: Id, name: string): Promise<void> {
    return this.#ask.call('renameGroup', id, name);
  }
  deleteGroup(id: Id): Promise<void> {
    return this.#ask.call('deleteGroup', id);
  }
  createChannel(input: { groupId: Id; name: string; topic: string; visibility: 'public' | 'private'; members: readonly Id[] }): Promise<Id> {
    return this.#ask.call('createChannel', { ...input, members: [...input.members] });
  }
  changeChannel(id: Id, change: { name?: string; topic?: string }): Promise<void> {
    return this.#ask.call('changeChannel', id, { ...change });
  }
  deleteChannel(id: Id): Promise<void> {
    return this.#ask.call('deleteChannel', id);
  }
  joinChannel(id: Id): Promise<void> {
    return this.#ask.call('joinChannel', id);
  }
  leaveChannel(id: Id): Promise<void> {
    return this.#ask.call('leaveChannel', id);
  }
  addToChannel(id: Id, people: readonly Id[]): Promise<void> {
    return this.#ask.call('addToChannel', id, [...people]);
  }
  removeFromChannel(id: Id, person: Id): Promise<void> {
    return this.#ask.call('removeFromChannel', id, person);
  }
  setChannelAdmin(id: Id, person: Id, admin: boolean): Promise<void> {
    return this.#ask.call('setChannelAdmin', id, person, admin);
  }
  openDM(person: Id): Promise<Id> {
    return this.#ask.call('openDM', person);
  }
  createInvite(input: { communityId: Id; uses: number; days: number; role: 'admin' | 'member' }): Promise<MadeInvite> {
    return this.#ask.call('createInvite', { ...input });
  }
  listInvites(communityId: Id): Promise<readonly MadeInvite[]> {
    return this.#ask.call('listInvites', communityId);
  }
  revokeInvite(id: Id): Promise<void> {
    return this.#ask.call('revokeInvite', id);
  }
  changeName(displayName: string): Promise<void> {
    return this.#ask.call('changeName', displayName);
  }

  dismissSecurityNotice(id: Id): void {
    this.#quietly(this.#ask.call('dismissNotice', id));
  }

  toast(text: string, action: { label: string; run: () => void } | null = null, tone: 'plain' | 'danger' = 'plain'): void {
    this.toasts = [...this.toasts, { id: ++this.#count, text, tone, action }];
  }
  dismissToast(id: number): void {
    this.toasts = this.toasts.filter((one) => one.id !== id);
  }

  /* how it works */

  get #ask(): Bridge {
    if (this.#bridge === null) throw new Error('this browser is not supported');
    return this.#bridge;
  }

  #timeline(): OpenTimeline {
    if (this.#open === null) throw { code: 'nothing_open', message: 'Open a conversation first.', field: null, retryAfter: null } satisfies Failure;
    return this.#open;
  }

  #stage(): Stage {
    if (this.#why !== null) return { at: 'unsupported', reason: this.#why };
    const { at, notice, name } = this.#standing;
    if (this.#token.path === '/reset' && this.#token.token !== null && resettable.has(at)) return { at: 'reset', token: this.#token.token };
    switch (at) {
      case 'unsupported':
        return { at, reason: notice ?? '' };
      case 'setup':
        return { at, token: this.#token.path === '/setup' ? this.#token.token : null };
      case 'signed-out':
        return this.#token.path === '/join' && this.#token.token !== null ? { at: 'join', token: this.#token.token } : { at: 'login', notice };
      case 'two-step':
        return { at, name: name ?? '' };
      case 'unlock':
        return { at, notice };
      default:
        return { at };
    }
  }

  #hear(news: readonly News[]): void {
    for (const one of news) {
      this.#world.take(one);
      switch (one.t) {
        case 'standing':
          this.#stands(one.value);
          break;
        case 'connection':
          this.connection = one.value;
          break;
        case 'rows':
          if (this.#open?.conversationId === one.conv) this.#open.take(one.rows, this.#watching);
          break;
        case 'row-gone':
          if (this.#open?.conversationId === one.conv) this.#open.drop(one.id);
          break;
        case 'toast':
          this.toast(one.text, null, one.tone);
          break;
        case 'gone':
          if (this.#open !== null && !this.#world.has(this.#open.conversationId)) this.#open = null;
      }
    }
    if (news[0]?.t === 'whole' && this.#open !== null) this.#quietly(this.#open.refresh());
  }

  #stands(standing: Standing): void {
    if (standing.at === 'loading' && this.#standing.at !== 'loading') return; // another tab takes over; nothing is over
    if (standing.me !== this.#standing.me || standing.at === 'signed-out') this.#open = null;
    if (standing.at === 'signed-out') this.#world.clear();
    this.#world.me = standing.me;
    if (standing.recoveryKey !== null && standing.recoveryKey !== this.#standing.recoveryKey) this.recoveryChallenge = challenge();
    this.#standing = standing;
    if (standing.at === 'chat' && this.#token.path === '/join') this.#invited();
  }

  // Somebody who is signed in opened an invitation.
  #invited(): void {
    const { token } = this.#token;
    this.#arrived();
    if (token === null) return;
    const accept = async (): Promise<void> => {
      const landing = await this.#ask.call('acceptInvite', token);
      if (landing !== null) this.openConversation(landing);
    };
    this.#quietly(
      this.previewInvite(token).then((invitation) => {
        if (this.communities.some((one) => one.name === invitation.communityName)) return;
        this.toast(`${invitation.inviterName} invites you to ${invitation.communityName}.`, { label: 'Join', run: () => this.#quietly(accept()) });
      }),
    );
  }

  // A new engine: take its whole picture.
  async #owned(here: boolean): Promise<void> {
    this.following = !here;
    this.#hear(await this.#ask.call('snapshot'));
  }

  // An invitation in the address is still to be accepted.
  #enteredByName(): void {
    if (this.#token.path !== '/join') this.#arrived();
  }

  // The token in the address did its work.
  #arrived(): void {
    this.#token = { path: '/', token: null };
    if (withToken.includes(location.pathname)) history.replaceState(null, '', '/');
  }

  // Once for each browser, when its keys have just come to be: it may say no, and then only throws them away when its disk is full.
  #keep(): void {
    void navigator.storage.persist().catch(() => false);
  }

  #active(): void {
    if (this.#standing.at !== 'chat' || Date.now() - this.#told < activityEvery) return;
    this.#told = Date.now();
    this.#quietly(this.#ask.call('activity'));
  }

  // For what nobody waits for: a failure becomes a note.
  #quietly(work: Promise<unknown>): void {
    work.catch((failure: Failure) => {
      if (failure.code !== 'signed_out' && failure.code !== 'interrupted') this.toast(failure.message, null, 'danger');
    });
  }
}

function tokenOf({ pathname, hash }: Location): { path: string; token: string | null } {
  return { path: pathname.replace(/\/$/, ''), token: /^#[\w-]+$/.test(hash) ? hash.slice(1) : null };
}

/** Two different groups of the seven, in order. */
function challenge(): readonly number[] {
  const [first = 0, second = 0] = crypto.getRandomValues(new Uint32Array(2));
  const a = first % 7;
  const b = (a + 1 + (second % 6)) % 7;
  return [Math.min(a, b), Math.max(a, b)];
}

/** What somebody typed, as the recovery key spells it: Crockford's alphabet forgives I, L and O. */
function crockford(typed: string): string {
  return typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
}

export const app: App = new Tab();
