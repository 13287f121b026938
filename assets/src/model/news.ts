import type { Channel, Community, CommunityMember, DM, Group, PresenceName, User } from '../net/wire.ts';
import type { Happening } from './marks.ts';
import type { Connection, Draft, Failure, Id, SecurityNotice, SendState } from './types.ts';

// What the engine (the worker that holds the keys) tells the tabs, and what they ask of it.

/** This device's own knowledge of a conversation. */
export interface ConvMeta {
  readonly id: Id;
  /** Everything up to here is read. */
  readonly readSeq: number;
  /** The place knows it. */
  readonly readTold: boolean;
  readonly unread: number;
  readonly mentions: number;
  readonly muted: boolean;
  readonly draft: Draft | null;
  /** The end of the conversation, for the list. */
  readonly last: { id: Id; author: Id; text: string; at: number; order: number; state: SendState | null } | null;
  readonly held: { code: string; message: string } | null;
}

/** A message as the tabs get it. */
export interface Row {
  readonly conv: Id;
  readonly id: Id;
  readonly order: number;
  readonly at: number;
  readonly sender: Id;
  readonly kind: 'text' | 'event' | 'unreadable';
  readonly text: string;
  readonly happening: Happening | null;
  readonly code: string;
  readonly replyTo: { id: Id; author: Id | null; text: string; deleted: boolean } | null;
  readonly reactions: readonly { emoji: string; by: readonly Id[] }[];
  readonly editedAt: number | null;
  readonly deletedBy: Id | null;
  readonly mentionsMe: boolean;
  readonly state: SendState | null;
  readonly failure: string | null;
  readonly late: boolean;
}

/** A run of rows, oldest first. */
export interface Page {
  readonly rows: readonly Row[];
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
}

/** What the world is made of, by kind. Members are keyed community/user. */
export interface Kinds {
  user: User;
  presence: PresenceName;
  community: Community;
  member: CommunityMember;
  group: Group;
  channel: Channel;
  dm: DM;
  conv: ConvMeta;
  notice: SecurityNotice;
}

/** Where this browser stands. */
export interface Standing {
  readonly at: 'loading' | 'unsupported' | 'setup' | 'signed-out' | 'two-step' | 'recovery-key' | 'unlock' | 'chat';
  readonly notice: string | null;
  /** The sign-in name whose second step is due. */
  readonly name: string | null;
  readonly place: { name: string; registration: string; setUp: boolean } | null;
  readonly me: Id | null;
  readonly recoveryKey: string | null;
  readonly recoveryKeyUnconfirmed: boolean;
}

export type Put = { [K in keyof Kinds]: { t: 'put'; kind: K; id: string; value: Kinds[K] } }[keyof Kinds];

/** One piece of news. whole: what follows is everything there is; what was known before is over. */
export type News =
  | { t: 'whole' }
  | Put
  | { t: 'gone'; kind: keyof Kinds; id: string }
  | { t: 'standing'; value: Standing }
  | { t: 'connection'; value: Connection }
  | { t: 'rows'; conv: Id; rows: readonly Row[] }
  | { t: 'row-gone'; conv: Id; id: Id }
  | { t: 'typing'; conv: Id; user: Id }
  | { t: 'toast'; text: string; tone: 'plain' | 'danger' };

/** What crosses the BroadcastChannel. Tabs name themselves; the engine names its run with all it says, and in its hello the tab it runs in. */
export type Post =
  | { to: 'engine'; tab: string; id: number; method: string; args: readonly unknown[] }
  | { to: 'tab'; run: string; tab: string; id: number; value: unknown }
  | { to: 'tab'; run: string; tab: string; id: number; failure: Failure }
  | { to: 'all'; run: string; hello: { tab: string } }
  | { to: 'all'; run: string; news: readonly News[] };

export const channelName = 'chatalot';
