/** What the screens show. The model turns events and opened messages into these shapes; views only read them and call the actions of App. */

/** An id as it stands in JSON: base64url. */
export type Id = string;

export type Presence = 'online' | 'away' | 'offline';

/** A person as shown in lists, messages and mentions. */
export interface Person {
  readonly id: Id;
  readonly name: string;
  /** The sign-in name, without the at sign: what follows it in a mention. */
  readonly username: string;
  readonly presence: Presence;
  readonly isMe: boolean;
  /** paused: an admin has suspended the account; gone: it was deleted. To both nothing can be sent. */
  readonly state: 'active' | 'paused' | 'gone';
}

export type CommunityRole = 'owner' | 'admin' | 'member';

export interface Community {
  readonly id: Id;
  readonly name: string;
  readonly role: CommunityRole;
  readonly groups: readonly Group[];
  readonly members: readonly { person: Person; role: CommunityRole }[];
}

/** A heading under which a community keeps channels. */
export interface Group {
  readonly id: Id;
  readonly communityId: Id;
  readonly name: string;
  readonly channels: readonly Conversation[];
}

export interface ConversationMember {
  readonly person: Person;
  readonly admin: boolean;
}

/** A channel or a DM. */
export interface Conversation {
  readonly id: Id;
  readonly kind: 'channel' | 'dm';
  /** The channel's name, or the other person's. */
  readonly name: string;
  readonly topic: string;
  readonly visibility: 'public' | 'private';
  readonly communityId: Id | null;
  readonly groupId: Id | null;
  /** The other person of a DM. */
  readonly peer: Person | null;
  readonly joined: boolean;
  /** Whether one may rename it, and add and remove people. */
  readonly admin: boolean;
  readonly members: readonly ConversationMember[];
  readonly unread: number;
  readonly mentions: number;
  readonly muted: boolean;
  readonly draft: Draft | null;
  readonly last: { author: string; text: string; at: number; state: SendState | null } | null;
  readonly typing: readonly Person[];
  /** Set while sending is not possible; the sentence says why and what to do. */
  readonly held: { code: string; message: string } | null;
}

export interface Draft {
  readonly text: string;
  readonly replyTo: Id | null;
}

/** waiting: offline, goes out when the place is reached again. failed: wants a decision; failure says why. */
export type SendState = 'sending' | 'waiting' | 'sent' | 'failed';

export interface Reaction {
  readonly emoji: string;
  readonly by: readonly Person[];
  readonly mine: boolean;
}

/** One row of a timeline. */
export interface Message {
  readonly id: Id;
  readonly conversationId: Id;
  readonly author: Person;
  /** Unix milliseconds, by the place's clock once it is there. */
  readonly at: number;
  /**
   * text: what somebody wrote. event: a quiet line such as "Nora added Tomas". unreadable: it could not be opened; text says so calmly and what to do.
   * webhook: came from outside, not end-to-end encrypted, author.name starts with "hook:".
   */
  readonly kind: 'text' | 'event' | 'unreadable' | 'webhook';
  readonly text: string;
  readonly replyTo: { id: Id; author: Person; text: string; deleted: boolean } | null;
  readonly reactions: readonly Reaction[];
  readonly editedAt: number | null;
  /** Who took it back: its author, or an admin. */
  readonly deletedBy: Person | null;
  readonly mentionsMe: boolean;
  /** null for messages of others. */
  readonly state: SendState | null;
  readonly failure: string | null;
  /** It reached us out of an older membership; shown with a small mark. */
  readonly late: boolean;
}

/** The open end of a conversation's history: a window of messages, oldest first. */
export interface Timeline {
  readonly conversationId: Id;
  readonly messages: readonly Message[];
  /** There is older history on this device before messages[0]. */
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
  readonly loading: boolean;
  /** The first unread message when the conversation was opened, for the divider; stays until it is left. */
  readonly unreadFrom: Id | null;
  readonly unreadCount: number;
}

export type Connection = 'starting' | 'online' | 'connecting' | 'offline';

/** Which screen the whole window shows. */
export type Stage =
  | { at: 'loading' }
  | { at: 'unsupported'; reason: string } /* no secure context, no IndexedDB, … */
  | { at: 'setup'; token: string | null } /* not set up yet; without a token only the words how to get one */
  | { at: 'join'; token: string }
  | { at: 'login'; notice: string | null }
  | { at: 'two-step'; name: string } /* the first step was right: a code from the authenticator app of this sign-in name, or a backup code */
  | { at: 'reset'; token: string } /* somebody opened the one-use link an admin made */
  | { at: 'recovery-key' } /* signed up; the key has to be shown and confirmed before the chat opens */
  | { at: 'unlock'; notice: string | null } /* signed in on a browser without keys: asks for the recovery key */
  | { at: 'chat' };

export interface Invitation {
  readonly placeName: string;
  readonly communityName: string;
  readonly inviterName: string;
  readonly people: number;
  readonly expiresAt: number;
}

export interface MadeInvite {
  readonly id: Id;
  readonly url: string;
  readonly uses: number;
  readonly used: number;
  readonly expiresAt: number;
}

/** How the account is guarded. */
export interface Security {
  readonly passwordAt: number;
  readonly twoStep: boolean;
  readonly backupCodes: number;
  readonly passkeys: readonly Passkey[];
}

export interface Passkey {
  readonly id: Id;
  readonly name: string;
  readonly createdAt: number;
  /** 0: never. */
  readonly usedAt: number;
}

/** One of the places where one is signed in. */
export interface SignIn {
  readonly id: Id;
  /** "Firefox on Linux". */
  readonly agent: string;
  /** The device's name, empty while it has none. */
  readonly device: string;
  /** "203.0.113.0/24", or empty. */
  readonly network: string;
  readonly current: boolean;
  readonly hasKeys: boolean;
  readonly createdAt: number;
  readonly lastSeen: number;
}

/** Something the person should know about how their account is guarded; stays until it is dismissed. what is one of wire.SessionNotice, or recovery_key_unchanged:
 * a new recovery key was due and did not come to be, so the old one still works. */
export interface SecurityNotice {
  readonly id: Id;
  readonly what: string;
  readonly agent: string;
  readonly network: string;
  readonly at: number;
}

export interface AdminPerson {
  readonly person: Person;
  readonly admin: boolean;
  readonly state: 'active' | 'locked' | 'suspended' | 'deleted';
  readonly devices: number;
  readonly sessions: number;
  readonly twoStep: boolean;
  readonly passkeys: number;
  readonly hasKeys: boolean;
  /** Until when wrong guesses have locked it, 0 when they have not. */
  readonly lockedUntil: number;
  readonly createdAt: number;
  /** 0: no session. */
  readonly lastSeen: number;
}

/** Without the link: its token was shown once, to whoever made it. */
export interface AdminInvite extends Omit<MadeInvite, 'url'> {
  readonly community: string;
  readonly inviter: string;
  readonly role: 'admin' | 'member';
  readonly createdAt: number;
}

export interface AuditEntry {
  readonly id: number;
  readonly at: number;
  /** wire.Act */
  readonly what: string;
  readonly actor: string;
  readonly user: string;
  readonly detail: string;
  readonly address: string;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly more: boolean;
  readonly days: number;
}

export type Grade = 'pass' | 'warn' | 'fail';

export interface Checkup {
  readonly at: number;
  readonly grade: Grade;
  readonly findings: readonly { id: string; title: string; grade: Grade; evidence: string; why: string; fix: string }[];
}

export interface Overview {
  readonly placeName: string;
  readonly version: string;
  readonly registration: string;
  readonly startedAt: number;
  readonly people: number;
  readonly online: number;
  readonly databaseBytes: number;
  readonly diskFree: number;
  readonly diskTotal: number;
  readonly failedSignIns: number;
  readonly lately: readonly AuditEntry[];
}

/** Looking after the place. Members get failures with code forbidden. Those marked confirmed can fail with confirm_first: see Account.confirm. */
export interface Admin {
  overview(): Promise<Overview>;
  checkup(again: boolean): Promise<Checkup>;
  people(): Promise<readonly AdminPerson[]>;
  /** Confirmed. */
  setState(person: Id, state: 'active' | 'locked' | 'suspended'): Promise<AdminPerson>;
  /** Confirmed. Ends a lock by wrong guesses. */
  unlock(person: Id): Promise<AdminPerson>;
  /** Confirmed. */
  setAdmin(person: Id, admin: boolean): Promise<AdminPerson>;
  /** Confirmed. The one-use link, shown once. */
  resetLink(person: Id, twoStep: boolean): Promise<{ url: string; expiresAt: number }>;
  /** Confirmed. */
  setRegistration(mode: 'invite_only' | 'open' | 'closed'): Promise<void>;
  invites(): Promise<readonly AdminInvite[]>;
  revokeInvite(id: Id): Promise<void>;
  audit(before: number | null): Promise<AuditPage>;
}

/** One's own account. Actions marked confirmed reject with code confirm_first until confirm was called within the last five minutes. */
export interface Account {
  security(): Promise<Security>;
  confirm(password: string): Promise<void>;
  /** By a passkey instead. */
  confirmByPasskey(): Promise<void>;
  /** Confirmed. Every other session ends. */
  changePassword(password: string): Promise<void>;
  /** Confirmed. secret is what one types where no camera is at hand, url what the QR code holds. */
  beginTwoStep(): Promise<{ secret: string; url: string }>;
  /** Answers the backup codes, shown once. */
  confirmTwoStep(code: string): Promise<readonly string[]>;
  /** Confirmed. */
  endTwoStep(): Promise<void>;
  /** Confirmed. The old ones end. */
  newBackupCodes(): Promise<readonly string[]>;
  /** Whether this browser can hold passkeys for this address. */
  readonly passkeysWork: boolean;
  /** Confirmed. */
  addPasskey(name: string): Promise<Passkey>;
  renamePasskey(id: Id, name: string): Promise<Passkey>;
  /** Confirmed. */
  removePasskey(id: Id): Promise<void>;
  sessions(): Promise<readonly SignIn[]>;
  /** Confirmed. */
  endSession(id: Id): Promise<void>;
  /** Confirmed. */
  endOtherSessions(): Promise<void>;
  /** Resolves to true when this is the account's recovery key. */
  checkRecoveryKey(key: string): Promise<boolean>;
  /** Makes a new recovery key in the place of the old one, which must be typed: stage 'recovery-key' shows it. */
  changeRecoveryKey(old: string): Promise<void>;
  /** Communities one owns that have other people: they must be handed over before the account can go. */
  readonly owned: readonly Community[];
  /** Makes somebody else the owner. */
  handOver(community: Id, person: Id): Promise<void>;
  /** Confirmed. The account and everything on this browser is gone afterwards. */
  deleteAccount(): Promise<void>;
}

/** A failure to show as it is: message says what to do next; field names the input it belongs to. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly field: string | null;
  readonly retryAfter: number | null;
}

/** A short note with at most one action, e.g. Undo. */
export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: 'plain' | 'danger';
  readonly action: { label: string; run: () => void } | null;
}

/**
 * The one object views talk to (exported as `app` from model/app.svelte.ts; every property is reactive).
 * Actions that can fail reject with a Failure (never with anything else), having changed nothing.
 */
export interface App {
  readonly stage: Stage;
  readonly place: { name: string; registration: string; setUp: boolean } | null;
  readonly me: Person | null;
  readonly connection: Connection;
  readonly communities: readonly Community[];
  readonly dms: readonly Conversation[];
  readonly current: Conversation | null;
  readonly timeline: Timeline | null;
  readonly toasts: readonly Toast[];
  readonly totalUnread: number;
  readonly totalMentions: number;
  /** Everybody one shares a community with. */
  readonly people: readonly Person[];
  /** True in a tab that follows another one that owns the keys. */
  readonly following: boolean;

  /* getting in */
  setup(input: { token: string; placeName: string; username: string; displayName: string; password: string }): Promise<void>;
  previewInvite(token: string): Promise<Invitation>;
  register(input: { username: string; displayName: string; password: string; invite: string | null }): Promise<void>;
  /** Goes on to stage two-step when the account asks for a code. */
  login(input: { username: string; password: string }): Promise<void>;
  /** By a passkey: both steps in one. A person who closes the browser's own dialog is no failure: resolves to false. */
  loginByPasskey(): Promise<boolean>;
  /** The second step: exactly one of the two is given. trust asks this browser for no code for 30 days. Code challenge_gone: back at stage login. */
  secondStep(input: { code?: string; backupCode?: string; trust: boolean }): Promise<void>;
  /** Back from two-step to login. */
  cancelSignIn(): void;
  /** A new password by the recovery key; ends at two-step, or at stage 'recovery-key' with the account's new key. */
  recover(input: { username: string; recoveryKey: string; password: string }): Promise<void>;
  previewReset(token: string): Promise<{ username: string; expiresAt: number }>;
  /** A new password by the link an admin made. */
  reset(input: { token: string; password: string }): Promise<void>;
  readonly account: Account;
  /** null for people who do not look after the place. */
  readonly admin: Admin | null;
  readonly securityNotices: readonly SecurityNotice[];
  dismissSecurityNotice(id: Id): void;
  logout(): Promise<void>;
  /** Shown once after sign-up: seven groups of four characters. */
  readonly recoveryKey: string | null;
  /** The indexes (from 0) of the groups to type back. */
  readonly recoveryChallenge: readonly number[];
  confirmRecoveryKey(groups: readonly string[]): Promise<boolean>;
  /** "Remind me tomorrow": the chat opens, a notice stays. */
  postponeRecoveryKey(): void;
  readonly recoveryKeyUnconfirmed: boolean;
  unlock(recoveryKey: string): Promise<void>;
  /** Leaves the flow (setup, join) for the chat. */
  enterChat(): void;

  /* where one is */
  openConversation(id: Id): void;
  closeConversation(): void;
  loadOlder(): Promise<void>;
  /** Loads the window around a message and returns whether it is on this device. */
  showMessage(id: Id): Promise<boolean>;
  jumpToPresent(): Promise<void>;
  markRead(): void;
  setAtEnd(atEnd: boolean): void;

  /* writing */
  send(text: string, replyTo: Id | null): Promise<void>;
  retry(messageId: Id): void;
  discard(messageId: Id): void;
  edit(messageId: Id, text: string): Promise<void>;
  /** Deletes a message; of the open conversation unless another one is named. */
  remove(messageId: Id, conversationId?: Id): Promise<void>;
  toggleReaction(messageId: Id, emoji: string): Promise<void>;
  saveDraft(conversationId: Id, text: string, replyTo: Id | null): void;
  typing(): void;
  setMuted(conversationId: Id, muted: boolean): void;

  /** Goes on writing to somebody whose keys changed: the choice behind a conversation held with code identity_changed. */
  acceptIdentity(person: Id): Promise<void>;

  /* places to talk */
  createCommunity(name: string): Promise<Id>;
  renameCommunity(id: Id, name: string): Promise<void>;
  leaveCommunity(id: Id): Promise<void>;
  removeFromCommunity(id: Id, person: Id): Promise<void>;
  setCommunityRole(id: Id, person: Id, role: 'admin' | 'member'): Promise<void>;
  createGroup(communityId: Id, name: string): Promise<Id>;
  renameGroup(id: Id, name: string): Promise<void>;
  deleteGroup(id: Id): Promise<void>;
  createChannel(input: { groupId: Id; name: string; topic: string; visibility: 'public' | 'private'; members: readonly Id[] }): Promise<Id>;
  changeChannel(id: Id, change: { name?: string; topic?: string }): Promise<void>;
  deleteChannel(id: Id): Promise<void>;
  joinChannel(id: Id): Promise<void>;
  leaveChannel(id: Id): Promise<void>;
  addToChannel(id: Id, people: readonly Id[]): Promise<void>;
  removeFromChannel(id: Id, person: Id): Promise<void>;
  setChannelAdmin(id: Id, person: Id, admin: boolean): Promise<void>;
  openDM(person: Id): Promise<Id>;
  createInvite(input: { communityId: Id; uses: number; days: number; role: 'admin' | 'member' }): Promise<MadeInvite>;
  listInvites(communityId: Id): Promise<readonly MadeInvite[]>;
  revokeInvite(id: Id): Promise<void>;
  changeName(displayName: string): Promise<void>;

  toast(text: string, action?: { label: string; run: () => void } | null, tone?: 'plain' | 'danger'): void;
  dismissToast(id: number): void;
}
