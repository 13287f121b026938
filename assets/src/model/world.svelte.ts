import { SvelteMap } from 'svelte/reactivity';
import type { UserState } from '../net/wire.ts';
import { lasting } from './lasting.svelte.ts';
import type { Kinds, News } from './news.ts';
import type { Community, CommunityRole, Conversation, ConversationMember, Group, Id, Person, Presence, SecurityNotice } from './types.ts';

/** How long "… is typing" stands without news, in milliseconds. */
const typingFades = 6_000;

type Maps = { readonly [K in keyof Kinds]: SvelteMap<string, Kinds[K]> };

/** A tab's picture of what the engine knows: people, communities, conversations. The shapes of types.ts are computed from it as they are read. */
export class World {
  me = $state<Id | null>(null);
  readonly maps: Maps = {
    user: new SvelteMap(), presence: new SvelteMap(), community: new SvelteMap(), member: new SvelteMap(),
    group: new SvelteMap(), channel: new SvelteMap(), dm: new SvelteMap(), conv: new SvelteMap(), notice: new SvelteMap(),
  };
  readonly typing = new SvelteMap<Id, readonly Id[]>();
  readonly #fading = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #people = new Map<Id, PersonView>();
  readonly #conversations = new Map<Id, ConversationView>();

  readonly communities: readonly Community[] = $derived(sorted([...this.maps.community.values()]).map((one) => new CommunityView(this, one.id)));
  readonly dms: readonly Conversation[] = $derived(sorted([...this.maps.dm.values()]).map((one) => this.conversation(one.id)));
  readonly people: readonly Person[] = $derived.by(() => {
    const ids = new Set([...this.maps.member.values()].map((one) => one.user.id));
    return [...ids].filter((id) => id !== this.me).map((id) => this.person(id)).sort(byName);
  });

  /** What this person may do to the place itself. */
  readonly role = $derived(this.me === null ? 'member' : (this.maps.user.get(this.me)?.role ?? 'member'));
  readonly notices: readonly SecurityNotice[] = $derived([...this.maps.notice.values()].sort((a, b) => b.at - a.at));

  /** Somebody; one object for each person, for as long as the page lives. */
  person(id: Id): Person {
    let person = this.#people.get(id);
    if (person === undefined) this.#people.set(id, (person = new PersonView(this, id)));
    return person;
  }

  conversation(id: Id): Conversation {
    let conversation = this.#conversations.get(id);
    if (conversation === undefined) this.#conversations.set(id, (conversation = lasting(() => new ConversationView(this, id))));
    return conversation;
  }

  has(id: Id): boolean {
    return this.maps.channel.has(id) || this.maps.dm.has(id);
  }

  /** Takes a piece of news about the world; others are none of its business. */
  take(news: News): void {
    if (news.t === 'whole') this.clear();
    if (news.t === 'put') (this.maps[news.kind] as SvelteMap<string, unknown>).set(news.id, news.value);
    if (news.t === 'gone') this.maps[news.kind].delete(news.id);
    if (news.t === 'typing') this.#types(news.conv, news.user);
    if (news.t === 'rows') for (const row of news.rows) this.#stops(news.conv, row.sender);
  }

  /** Forgets everything, before a whole picture comes. */
  clear(): void {
    for (const map of Object.values(this.maps)) map.clear();
    this.typing.clear();
  }

  #types(conv: Id, user: Id): void {
    const key = `${conv}/${user}`;
    clearTimeout(this.#fading.get(key));
    this.#fading.set(key, setTimeout(() => this.#stops(conv, user), typingFades));
    const now = this.typing.get(conv) ?? [];
    if (!now.includes(user)) this.typing.set(conv, [...now, user]);
  }

  #stops(conv: Id, user: Id): void {
    const now = this.typing.get(conv);
    if (now?.includes(user) === true) this.typing.set(conv, now.filter((one) => one !== user));
  }
}

class PersonView implements Person {
  readonly id: Id;
  readonly #world: World;

  constructor(world: World, id: Id) {
    this.#world = world;
    this.id = id;
  }
  get name(): string {
    return this.#world.maps.user.get(this.id)?.display_name ?? 'Somebody';
  }
  get username(): string {
    return this.#world.maps.user.get(this.id)?.username ?? '';
  }
  get presence(): Presence {
    return this.isMe ? 'online' : (this.#world.maps.presence.get(this.id) ?? 'offline');
  }
  get isMe(): boolean {
    return this.#world.me === this.id;
  }
  get state(): Person['state'] {
    return standing(this.#world.maps.user.get(this.id)?.state);
  }
}

class CommunityView implements Community {
  readonly id: Id;
  readonly #world: World;
  readonly groups: readonly Group[] = $derived.by(() =>
    sorted([...this.#world.maps.group.values()].filter((one) => one.community_id === this.id)).map((one) => new GroupView(this.#world, one.id)),
  );
  readonly members: readonly { person: Person; role: CommunityRole }[] = $derived.by(() =>
    [...this.#world.maps.member.values()]
      .filter((one) => one.community_id === this.id)
      .map((one) => ({ person: this.#world.person(one.user.id), role: one.role }))
      .sort((a, b) => byName(a.person, b.person)),
  );

  constructor(world: World, id: Id) {
    this.#world = world;
    this.id = id;
  }
  get name(): string {
    return this.#world.maps.community.get(this.id)?.name ?? '';
  }
  get role(): CommunityRole {
    return this.#world.maps.member.get(`${this.id}/${this.#world.me ?? ''}`)?.role ?? this.#world.maps.community.get(this.id)?.role ?? 'member';
  }
}

class GroupView implements Group {
  readonly id: Id;
  readonly #world: World;
  readonly channels: readonly Conversation[] = $derived.by(() =>
    sorted([...this.#world.maps.channel.values()].filter((one) => one.group_id === this.id)).map((one) => this.#world.conversation(one.id)),
  );

  constructor(world: World, id: Id) {
    this.#world = world;
    this.id = id;
  }
  get communityId(): Id {
    return this.#world.maps.group.get(this.id)?.community_id ?? '';
  }
  get name(): string {
    return this.#world.maps.group.get(this.id)?.name ?? '';
  }
}

class ConversationView implements Conversation {
  readonly id: Id;
  readonly #world: World;
  readonly members: readonly ConversationMember[] = $derived.by(() => this.#membersNow());

  constructor(world: World, id: Id) {
    this.#world = world;
    this.id = id;
  }
  get #channel() {
    return this.#world.maps.channel.get(this.id);
  }
  get #dm() {
    return this.#world.maps.dm.get(this.id);
  }
  get #meta() {
    return this.#world.maps.conv.get(this.id);
  }
  #membersNow(): readonly ConversationMember[] {
    const { me } = this.#world;
    if (this.#dm !== undefined) return [...(me === null ? [] : [me]), this.#dm.peer.id].map((id) => ({ person: this.#world.person(id), admin: false }));
    const members = (this.#channel?.members ?? []).map((one) => ({ person: this.#world.person(one.user_id), admin: one.admin }));
    return members.sort((a, b) => byName(a.person, b.person));
  }
  get kind(): 'channel' | 'dm' {
    return this.#dm === undefined ? 'channel' : 'dm';
  }
  get name(): string {
    return this.peer?.name ?? this.#channel?.name ?? '';
  }
  get topic(): string {
    return this.#channel?.topic ?? '';
  }
  get visibility(): 'public' | 'private' {
    return this.#channel?.visibility ?? 'private';
  }
  get communityId(): Id | null {
    return this.#channel?.community_id ?? null;
  }
  get groupId(): Id | null {
    return this.#channel?.group_id ?? null;
  }
  get peer(): Person | null {
    return this.#dm === undefined ? null : this.#world.person(this.#dm.peer.id);
  }
  get joined(): boolean {
    return this.#channel?.joined ?? true;
  }
  get admin(): boolean {
    return this.#channel?.members?.some((one) => one.user_id === this.#world.me && one.admin) ?? false;
  }
  get unread(): number {
    return this.#meta?.unread ?? 0;
  }
  get mentions(): number {
    return this.#meta?.mentions ?? 0;
  }
  get muted(): boolean {
    return this.#meta?.muted ?? false;
  }
  get draft(): Conversation['draft'] {
    return this.#meta?.draft ?? null;
  }
  get last(): Conversation['last'] {
    const last = this.#meta?.last ?? null;
    if (last === null) return null;
    return { author: last.author === this.#world.me ? 'You' : this.#world.person(last.author).name, text: last.text, at: last.at, state: last.state };
  }
  get typing(): readonly Person[] {
    return (this.#world.typing.get(this.id) ?? []).map((id) => this.#world.person(id));
  }
  get held(): Conversation['held'] {
    return this.#meta?.held ?? null;
  }
}

/** Whether somebody can be written to. A locked account goes on where it is signed in: only admins are told of it. */
export function standing(state: UserState | undefined): Person['state'] {
  return state === 'suspended' ? 'paused' : state === 'deleted' ? 'gone' : 'active';
}

function sorted<T extends { created_at: number; id: string }>(list: T[]): T[] {
  return list.sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
}

function byName(a: Person, b: Person): number {
  return a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1);
}
