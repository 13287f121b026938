import type {
  Account,
  Admin,
  App,
  Community,
  Connection,
  Conversation,
  Group,
  Id,
  Invitation,
  MadeInvite,
  Message,
  Person,
  SecurityNotice,
  Stage,
  Timeline,
  Toast,
} from '../model/types.ts';
import { fail, MadeUpAccount } from './account.svelte.ts';
import { historyMessage, newestMessages } from './messages.ts';
import { byId, me, people } from './people.ts';
import { madeUpCommunities, madeUpDMs } from './places.ts';

const now = Date.now();
const windowSize = 80;
const day = 86_400_000;

/** Something that takes a moment, as the place does. */
const moment = () => new Promise<void>((resolve) => setTimeout(resolve, 350));

/** An App over made-up data. It keeps to the contract of types.ts and forgets everything on reload. */
class Fixture implements App {
  stage = $state<Stage>({ at: 'chat' });
  place = $state<{ name: string; registration: string; setUp: boolean } | null>({
    name: 'Birch Lane',
    registration: 'invite_only',
    setUp: true,
  });
  me = $state<Person | null>(me);
  connection = $state<Connection>('online');
  communities = $state.raw<readonly Community[]>(madeUpCommunities(now));
  dms = $state.raw<readonly Conversation[]>(madeUpDMs(now));
  toasts = $state.raw<readonly Toast[]>([]);
  recoveryKey = $state<string | null>('4TQM-W2PD-8RTH-N6CX-E3VB-9FZJ-K5YA');
  readonly recoveryChallenge: readonly number[] = [1, 4];
  recoveryKeyUnconfirmed = $state(false);
  following = $state(false);
  securityNotices = $state.raw<readonly SecurityNotice[]>([]);
  admin = $state.raw<Admin | null>(null);
  readonly madeUpAccount = new MadeUpAccount({
    get communities() {
      return fixture.communities;
    },
    set communities(to) {
      fixture.communities = to;
    },
    get recoveryKey() {
      return fixture.recoveryKey;
    },
    set recoveryKey(to) {
      fixture.recoveryKey = to;
    },
    toRecoveryKey: () => (this.stage = { at: 'recovery-key' }),
    leave: (notice) => (this.stage = { at: 'login', notice }),
  });
  readonly account: Account = this.madeUpAccount;
  readonly people: readonly Person[] = people.slice(1);

  #currentId = $state<Id | null>(null);
  #window = $state.raw<{ from: number; to: number }>({ from: 0, to: 0 });
  #mine = $state.raw<readonly Message[]>([]);
  #invites = $state.raw<readonly MadeInvite[]>([]);
  #count = 0;
  readonly #history = 10_000;

  readonly #all = $derived([...this.communities.flatMap((one) => one.groups.flatMap((group) => group.channels)), ...this.dms]);
  readonly current = $derived(this.#all.find((one) => one.id === this.#currentId) ?? null);
  readonly totalUnread = $derived(this.#all.reduce((sum, one) => sum + (one.muted ? 0 : one.unread), 0));
  readonly totalMentions = $derived(this.#all.reduce((sum, one) => sum + one.mentions, 0));
  readonly #newest = $derived(this.#currentId === null ? [] : newestMessages(this.#currentId, now));
  readonly timeline = $derived.by((): Timeline | null => this.#timeline());

  #timeline(): Timeline | null {
    const id = this.#currentId;
    if (id === null) return null;
    const { from, to } = this.#window;
    const old = Array.from({ length: to - from }, (_, i) => historyMessage(id, from + i, this.#history, now));
    const atEnd = to === this.#history;
    const mine = this.#mine.filter((one) => one.conversationId === id);
    const messages = atEnd ? [...old, ...this.#newest.filter((one) => !this.#mine.some((own) => own.id === one.id)), ...mine] : old;
    const unreadFrom = id.startsWith('dm-') ? null : `${id}-n8`;
    return {
      conversationId: id,
      messages,
      hasOlder: from > 0,
      hasNewer: !atEnd,
      loading: false,
      unreadFrom,
      unreadCount: unreadFrom === null ? 0 : 8,
    };
  }

  async setup(input: { token: string; placeName: string; username: string; displayName: string; password: string }): Promise<void> {
    await moment();
    if (input.username === 'taken') throw fail('This sign-in name is taken. Choose another one.', 'username');
    this.place = { name: input.placeName, registration: 'invite_only', setUp: true };
    this.stage = { at: 'recovery-key' };
  }
  async previewInvite(token: string): Promise<Invitation> {
    await moment();
    if (token === 'expired') throw fail('This invitation has expired. Ask the person who sent it for a new one.', null, 'invite_expired');
    return {
      placeName: 'Birch Lane',
      communityName: 'Birch Lane Rowing',
      inviterName: 'Nora Lindqvist',
      people: 23,
      expiresAt: now + 7 * day,
    };
  }
  async register(input: { username: string; displayName: string; password: string; invite: string | null }): Promise<void> {
    await moment();
    if (input.username === 'taken') throw fail('This sign-in name is taken. Choose another one.', 'username');
    this.stage = { at: 'recovery-key' };
  }
  async login(input: { username: string; password: string }): Promise<void> {
    await moment();
    if (input.password === 'locked') throw fail('Too many attempts. Try again in 14 minutes.', null, 'account_locked', 828);
    if (input.password === 'many') throw fail('That was a lot at once. Wait a moment, then try again.', null, 'too_many_requests', 9);
    if (input.password === 'paused') throw fail('Ask whoever looks after this place.', null, 'account_paused');
    if (input.password === 'twostep') this.stage = { at: 'two-step', name: input.username };
    else if (input.password.length < 10)
      throw fail('The sign-in name or the password is not right. Check both and try again.', null, 'bad_credentials');
    else this.stage = { at: 'unlock', notice: null };
  }
  async loginByPasskey(): Promise<boolean> {
    await moment();
    this.stage = { at: 'unlock', notice: null };
    return true;
  }
  async secondStep(input: { code?: string; backupCode?: string; trust: boolean }): Promise<void> {
    await moment();
    if (input.code === '000000') {
      this.stage = { at: 'login', notice: 'That took too long, or too many codes were wrong. Begin with your password again.' };
      throw fail('That took too long. Begin with your password again.', null, 'challenge_gone');
    }
    if (input.backupCode !== undefined && input.backupCode !== 'q7mk-2xwd')
      throw fail('That backup code is wrong, or was used before. Look for the next one on your list.', null, 'bad_code');
    if (input.code !== undefined && input.code !== '123456')
      throw fail('That code did not match. Wait for the next one, and check that your phone’s clock is right.', null, 'bad_code');
    this.stage = { at: 'unlock', notice: null };
  }
  cancelSignIn(): void {
    this.stage = { at: 'login', notice: null };
  }
  async recover(input: { username: string; recoveryKey: string; password: string }): Promise<void> {
    await moment();
    if (input.recoveryKey !== this.recoveryKey)
      throw fail('The sign-in name or the recovery key is not right. Check both and try again.', null, 'bad_credentials');
    this.recoveryKey = '9MHT-4QWE-K2PD-7XCV-RT6B-N8ZA-3FJY';
    this.stage = { at: 'recovery-key' };
  }
  async previewReset(token: string): Promise<{ username: string; expiresAt: number }> {
    await moment();
    if (token === 'gone') throw fail('This link was used or has expired. Ask whoever made it for a new one.', null, 'reset_gone');
    return { username: 'nora', expiresAt: now + day };
  }
  async reset(): Promise<void> {
    await moment();
    this.stage = { at: 'unlock', notice: null };
  }
  dismissSecurityNotice(id: Id): void {
    this.securityNotices = this.securityNotices.filter((one) => one.id !== id);
  }
  async logout(): Promise<void> {
    await moment();
    this.stage = { at: 'login', notice: 'You are signed out on this device.' };
  }
  async confirmRecoveryKey(groups: readonly string[]): Promise<boolean> {
    await moment();
    const key = this.recoveryKey?.split('-') ?? [];
    const right = this.recoveryChallenge.every((at, i) => key[at] === groups[i]?.toUpperCase());
    if (right) this.recoveryKeyUnconfirmed = false;
    return right;
  }
  postponeRecoveryKey(): void {
    this.recoveryKeyUnconfirmed = true;
    this.stage = { at: 'chat' };
  }
  async unlock(recoveryKey: string): Promise<void> {
    await moment();
    if (recoveryKey !== this.recoveryKey)
      throw fail('This is not the recovery key of this account. Look for a typing mistake in the third group.', 'recoveryKey');
    this.stage = { at: 'chat' };
  }
  enterChat(): void {
    this.stage = { at: 'chat' };
  }

  openConversation(id: Id): void {
    this.#currentId = id;
    this.#window = { from: this.#history - windowSize, to: this.#history };
  }
  closeConversation(): void {
    this.#currentId = null;
  }
  /** The whole history in one window, for measuring. */
  loadEverything(): void {
    this.#window = { from: 0, to: this.#history };
  }
  /** Somebody says something, as if it had just come. */
  hear(text: string, who = 'tomas'): void {
    const id = this.#currentId;
    if (id !== null)
      this.#mine = [
        ...this.#mine,
        { ...historyMessage(id, 0, 0, Date.now()), id: `${id}-m${++this.#count}`, author: byId(who), at: Date.now(), text, state: null },
      ];
  }
  async loadOlder(): Promise<void> {
    await moment();
    this.#window = { ...this.#window, from: Math.max(0, this.#window.from - windowSize) };
  }
  async showMessage(id: Id): Promise<boolean> {
    const index = /-h(\d+)$/.exec(id)?.[1];
    if (index !== undefined) {
      const at = Number(index);
      this.#window = { from: Math.max(0, at - 40), to: Math.min(this.#history, at + 40) };
      return true;
    }
    return this.timeline?.messages.some((one) => one.id === id) ?? false;
  }
  async jumpToPresent(): Promise<void> {
    this.#window = { from: this.#history - windowSize, to: this.#history };
  }
  markRead(): void {
    this.#patch({ unread: 0, mentions: 0 });
  }
  setAtEnd(): void {
    /* the fixture receives nothing new, so where one reads changes nothing */
  }

  async send(text: string, replyTo: Id | null): Promise<void> {
    const id = this.#currentId;
    if (id === null) return;
    const target = this.timeline?.messages.find((one) => one.id === replyTo);
    const message: Message = {
      ...historyMessage(id, 0, 0, Date.now()),
      id: `${id}-m${++this.#count}`,
      author: me,
      at: Date.now(),
      text,
      state: 'sending',
      replyTo:
        target === undefined ? null : { id: target.id, author: target.author, text: target.text, deleted: target.deletedBy !== null },
    };
    this.#mine = [...this.#mine, message];
    await moment();
    this.#change(message.id, { state: this.connection === 'online' ? 'sent' : 'waiting' });
  }
  retry(messageId: Id): void {
    this.#change(messageId, { state: 'sent', failure: null });
  }
  discard(messageId: Id): void {
    this.#change(messageId, { deletedBy: me, text: '', state: 'sent' });
  }
  async edit(messageId: Id, text: string): Promise<void> {
    this.#change(messageId, { text, editedAt: Date.now() });
  }
  async remove(messageId: Id): Promise<void> {
    this.#change(messageId, { text: '', deletedBy: me });
  }
  async toggleReaction(messageId: Id, emoji: string): Promise<void> {
    const message = this.timeline?.messages.find((one) => one.id === messageId);
    if (message === undefined) return;
    const rest = message.reactions.filter((one) => one.emoji !== emoji);
    const had = message.reactions.find((one) => one.emoji === emoji);
    const by = had?.mine === true ? had.by.filter((one) => !one.isMe) : [...(had?.by ?? []), me];
    this.#change(messageId, { reactions: by.length === 0 ? rest : [...rest, { emoji, by, mine: had?.mine !== true }] });
  }
  saveDraft(conversationId: Id, text: string, replyTo: Id | null): void {
    this.#patch({ draft: text === '' ? null : { text, replyTo } }, conversationId);
  }
  typing(): void {
    /* nobody is there to see it */
  }
  async acceptIdentity(person: Id): Promise<void> {
    await moment();
    this.#patch({ held: null }, `dm-${person}`);
  }
  setMuted(conversationId: Id, muted: boolean): void {
    this.#patch({ muted }, conversationId);
  }

  async createCommunity(name: string): Promise<Id> {
    await moment();
    if (name === 'taken') throw fail('There is a community with this name already. Choose another one.', 'name');
    const id = `c${++this.#count}`;
    const channel = {
      ...this.#all[0]!,
      id: `${id}-general`,
      name: 'general',
      communityId: id,
      groupId: `${id}-g`,
      members: [{ person: me, admin: true }],
      unread: 0,
    };
    this.communities = [
      ...this.communities,
      {
        id,
        name,
        role: 'owner',
        members: [{ person: me, role: 'owner' }],
        groups: [{ id: `${id}-g`, communityId: id, name: 'General', channels: [channel] }],
      },
    ];
    return id;
  }
  async renameCommunity(id: Id, name: string): Promise<void> {
    await moment();
    this.#community(id, () => ({ name }));
  }
  async leaveCommunity(id: Id): Promise<void> {
    await moment();
    this.communities = this.communities.filter((one) => one.id !== id);
  }
  async removeFromCommunity(id: Id, person: Id): Promise<void> {
    await moment();
    this.#community(id, (one) => ({ members: one.members.filter((each) => each.person.id !== person) }));
  }
  async setCommunityRole(id: Id, person: Id, role: 'admin' | 'member'): Promise<void> {
    await moment();
    this.#community(id, (one) => ({ members: one.members.map((each) => (each.person.id === person ? { ...each, role } : each)) }));
  }
  async createGroup(communityId: Id, name: string): Promise<Id> {
    await moment();
    const id = `g${++this.#count}`;
    this.#community(communityId, (one) => ({ groups: [...one.groups, { id, communityId, name, channels: [] }] }));
    return id;
  }
  async renameGroup(id: Id, name: string): Promise<void> {
    await moment();
    this.#group(id, () => ({ name }));
  }
  async deleteGroup(id: Id): Promise<void> {
    await moment();
    this.communities = this.communities.map((one) => ({ ...one, groups: one.groups.filter((group) => group.id !== id) }));
  }
  async createChannel(input: {
    groupId: Id;
    name: string;
    topic: string;
    visibility: 'public' | 'private';
    members: readonly Id[];
  }): Promise<Id> {
    await moment();
    if (input.name === 'taken') throw fail('There is a channel with this name already. Choose another one.', 'name');
    const communityId = this.communities.find((one) => one.groups.some((group) => group.id === input.groupId))?.id ?? null;
    const channel: Conversation = {
      ...this.#all[0]!,
      id: `ch${++this.#count}`,
      name: input.name,
      topic: input.topic,
      visibility: input.visibility,
      communityId,
      groupId: input.groupId,
      members: [{ person: me, admin: true }, ...input.members.map((id) => ({ person: byId(id), admin: false }))],
      unread: 0,
      joined: true,
      admin: true,
    };
    this.#group(input.groupId, (group) => ({ channels: [...group.channels, channel] }));
    return channel.id;
  }
  async changeChannel(id: Id, change: { name?: string; topic?: string }): Promise<void> {
    await moment();
    this.#patch(change, id);
  }
  async deleteChannel(id: Id): Promise<void> {
    await moment();
    this.communities = this.communities.map((one) => ({
      ...one,
      groups: one.groups.map((group) => ({ ...group, channels: group.channels.filter((each) => each.id !== id) })),
    }));
    if (this.#currentId === id) this.#currentId = null;
  }
  async joinChannel(id: Id): Promise<void> {
    await moment();
    this.#patch({ joined: true }, id);
  }
  async leaveChannel(id: Id): Promise<void> {
    await moment();
    this.#patch({ joined: false }, id);
  }
  async addToChannel(id: Id, added: readonly Id[]): Promise<void> {
    await moment();
    this.#patch((one) => ({ members: [...one.members, ...added.map((each) => ({ person: byId(each), admin: false }))] }), id);
  }
  async removeFromChannel(id: Id, person: Id): Promise<void> {
    await moment();
    this.#patch((one) => ({ members: one.members.filter((each) => each.person.id !== person) }), id);
  }
  async setChannelAdmin(id: Id, person: Id, admin: boolean): Promise<void> {
    await moment();
    this.#patch((one) => ({ members: one.members.map((each) => (each.person.id === person ? { ...each, admin } : each)) }), id);
  }
  async openDM(person: Id): Promise<Id> {
    const id = `dm-${person}`;
    if (!this.dms.some((one) => one.id === id))
      this.dms = [...this.dms, { ...this.dms[0]!, id, peer: byId(person), name: byId(person).name, unread: 0, last: null }];
    this.openConversation(id);
    return id;
  }
  async createInvite(input: { communityId: Id; uses: number; days: number }): Promise<MadeInvite> {
    await moment();
    const made = {
      id: `i${++this.#count}`,
      url: `https://chat.birchlane.example/join#K7QX4M2PD8RTHN6CXE3VB9FZ${this.#count}`,
      uses: input.uses,
      used: 0,
      expiresAt: Date.now() + input.days * day,
    };
    this.#invites = [made, ...this.#invites];
    return made;
  }
  async listInvites(): Promise<readonly MadeInvite[]> {
    await moment();
    return this.#invites;
  }
  async revokeInvite(id: Id): Promise<void> {
    await moment();
    this.#invites = this.#invites.filter((one) => one.id !== id);
  }
  async changeName(displayName: string): Promise<void> {
    await moment();
    this.me = { ...me, name: displayName };
  }

  toast(text: string, action: { label: string; run: () => void } | null = null, tone: 'plain' | 'danger' = 'plain'): void {
    this.toasts = [...this.toasts, { id: ++this.#count, text, tone, action }];
  }
  dismissToast(id: number): void {
    this.toasts = this.toasts.filter((one) => one.id !== id);
  }

  #community(id: Id, change: (one: Community) => Partial<Community>): void {
    this.communities = this.communities.map((one) => (one.id === id ? { ...one, ...change(one) } : one));
  }
  #group(id: Id, change: (one: Group) => Partial<Group>): void {
    this.communities = this.communities.map((one) => ({
      ...one,
      groups: one.groups.map((group) => (group.id === id ? { ...group, ...change(group) } : group)),
    }));
  }
  #patch(change: Partial<Conversation> | ((one: Conversation) => Partial<Conversation>), id = this.#currentId): void {
    const apply = (one: Conversation) => (one.id === id ? { ...one, ...(typeof change === 'function' ? change(one) : change) } : one);
    this.communities = this.communities.map((one) => ({
      ...one,
      groups: one.groups.map((group) => ({ ...group, channels: group.channels.map(apply) })),
    }));
    this.dms = this.dms.map(apply);
  }
  #change(messageId: Id, change: Partial<Message>): void {
    const found = this.timeline?.messages.find((one) => one.id === messageId);
    if (found === undefined) return;
    this.#mine = [...this.#mine.filter((one) => one.id !== messageId), { ...found, ...change }].sort((a, b) => a.at - b.at);
  }
}

export const fixture = new Fixture();
export const app: App = fixture;
Object.assign(globalThis, { fixture }); // for the scripts that look at the screens

