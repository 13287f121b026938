import { Fault } from '../../net/failure.ts';
import type { Channel, Community, CommunityMember, Group, Invite, User } from '../../net/wire.ts';
import type { MadeInvite } from '../types.ts';
import { fromBase64 } from '../../net/base64.ts';
import type { Base } from './base.ts';
import { coreError, refused } from './errors.ts';
import { opType, policyOf, roleOf, type Membership } from './membership.ts';

/** The name of the channel that everybody of a community is in. */
const firstChannel = 'general';
const day = 86_400;

/** Communities, groups, channels and invitations. Each action returns once its events are applied here. */
export class Places {
  readonly #base: Base;
  readonly #membership: Membership;
  readonly #catchUp: () => Promise<void>;

  constructor(base: Base, membership: Membership, catchUp: () => Promise<void>) {
    this.#base = base;
    this.#membership = membership;
    this.#catchUp = catchUp;
  }

  async createCommunity(name: string): Promise<string> {
    const { id } = await this.#base.api.post<Community>('/api/communities', { name });
    await this.#catchUp();
    await this.furnish(id);
    return id;
  }

  /** Makes the first channel of a community that has none. */
  async furnish(community: string): Promise<string | null> {
    const { world } = this.#base;
    const existing = this.#first(community);
    if (existing !== null) return existing;
    const group = [...world.all('group')].find((one) => one.community_id === community);
    if (group === undefined || [...world.all('channel')].some((one) => one.community_id === community)) return null;
    return this.createChannel({ groupId: group.id, name: firstChannel, topic: '', visibility: 'public', members: [] });
  }

  /** Joins the first channel of every community that this person has come to and is in no channel of. */
  async settleIn(): Promise<string | null> {
    let landing: string | null = null;
    for (const { id } of [...this.#base.world.all('community')]) {
      const channel = this.#first(id);
      if (channel === null) continue;
      if (this.#base.world.get('channel', channel)?.joined === false) await this.joinChannel(channel);
      landing ??= channel;
    }
    return landing;
  }

  #first(community: string): string | null {
    const publics = [...this.#base.world.all('channel')].filter((one) => one.community_id === community && one.visibility === 'public');
    return (publics.find((one) => one.name === firstChannel) ?? publics.sort((a, b) => a.created_at - b.created_at)[0])?.id ?? null;
  }

  async renameCommunity(id: string, name: string): Promise<void> {
    await this.#base.api.patch(`/api/communities/${id}`, { name });
    await this.#catchUp();
  }

  /** Leaves; signed departures from the channels come first, so that nobody has to take them on the place's word. */
  async leaveCommunity(id: string): Promise<void> {
    const { world, api, me } = this.#base;
    for (const channel of [...world.all('channel')]) {
      if (channel.community_id === id && channel.joined) await this.#leave(channel.id).catch(keepGoing);
    }
    await api.delete(`/api/communities/${id}/members/${me}`);
    await this.#catchUp();
  }

  /** Removes somebody; the channels this person administers get their signed removal at once. */
  async removeFromCommunity(id: string, person: string): Promise<void> {
    await this.#base.api.delete(`/api/communities/${id}/members/${person}`);
    await this.#catchUp();
    await this.tidy();
  }

  async setCommunityRole(id: string, person: string, role: 'admin' | 'member'): Promise<void> {
    await this.#base.api.patch(`/api/communities/${id}/members/${person}`, { role });
    await this.#catchUp();
  }

  /** Makes somebody else the owner; whoever was becomes an admin. */
  async handOver(id: string, person: string): Promise<void> {
    await this.#base.api.patch(`/api/communities/${id}/members/${person}`, { role: 'owner' });
    await this.#catchUp();
  }

  /** Fails while this person owns a community that has other people. */
  ownsNothing(): void {
    const { world, me } = this.#base;
    const members = [...world.all('member')];
    const owned = members.find((one) => one.user.id === me && one.role === 'owner' && members.some((other) => other.community_id === one.community_id && other.user.id !== me));
    if (owned === undefined) return;
    const name = world.get('community', owned.community_id)?.name ?? 'a community';
    throw new Fault('owns_communities', `You own “${name}”, and other people are in it. Make one of them its owner first.`, { status: 409 });
  }

  /**
   * Before this person's account ends: channels that nobody else looks after get another admin, by a signed operation. The owner of the community is asked
   * first, then whoever has been in it longest.
   */
  async handOverChannels(): Promise<void> {
    const { world, me } = this.#base;
    await this.#catchUp();
    const orders = new Map<string, Promise<readonly string[]>>();
    for (const { id, community_id } of [...world.all('channel')]) {
      const members = this.#membership.channel(id)?.members ?? [];
      const admins = members.filter((one) => one.admin).map((one) => one.user);
      if (admins.length !== 1 || admins[0] !== me || members.length === 1) continue;
      const order = orders.get(community_id) ?? this.#elders(community_id);
      orders.set(community_id, order);
      const heir = (await order).find((user) => user !== me && members.some((one) => one.user === user));
      if (heir !== undefined) await this.setChannelAdmin(id, heir, true);
    }
  }

  // The people of a community whose accounts work: its owner, then the others in the order in which they came.
  async #elders(community: string): Promise<readonly string[]> {
    const { members } = await this.#base.api.get<{ members: CommunityMember[] }>(`/api/communities/${community}/members`);
    const working = members.filter(({ user }) => user.state !== 'suspended' && user.state !== 'deleted');
    return [...working.filter((one) => one.role === 'owner'), ...working.filter((one) => one.role !== 'owner')].map((one) => one.user.id);
  }

  async createGroup(communityId: string, name: string): Promise<string> {
    const { id } = await this.#base.api.post<Group>(`/api/communities/${communityId}/groups`, { name });
    await this.#catchUp();
    return id;
  }

  async renameGroup(id: string, name: string): Promise<void> {
    await this.#base.api.patch(`/api/groups/${id}`, { name });
    await this.#catchUp();
  }

  async deleteGroup(id: string): Promise<void> {
    await this.#base.api.delete(`/api/groups/${id}`);
    await this.#catchUp();
  }

  async createChannel(input: { groupId: string; name: string; topic: string; visibility: 'public' | 'private'; members: readonly string[] }): Promise<string> {
    const op = await this.#membership.create(policyOf[input.visibility], input.members);
    const { id } = await this.#base.api.post<Channel>(`/api/groups/${input.groupId}/channels`, { name: input.name, topic: input.topic, op });
    await this.#catchUp();
    return id;
  }

  async changeChannel(id: string, change: { name?: string; topic?: string }): Promise<void> {
    await this.#base.api.patch(`/api/channels/${id}`, change);
    await this.#catchUp();
  }

  async deleteChannel(id: string): Promise<void> {
    await this.#base.api.delete(`/api/channels/${id}`);
    await this.#catchUp();
  }

  async joinChannel(id: string): Promise<void> {
    if (!this.#membership.knows(id)) await this.#membership.readChannel(id, null);
    try {
      await this.#append(id, opType.join, []);
    } catch (error) {
      // Joined already, by another tab or device: that is what was wanted.
      if (this.#membership.channel(id)?.members.some((one) => one.user === this.#base.me) !== true) throw error;
    }
  }

  async leaveChannel(id: string): Promise<void> {
    await this.#leave(id);
    await this.#catchUp();
  }

  async #leave(id: string): Promise<void> {
    try {
      await this.#append(id, opType.leave, []);
    } catch (error) {
      if (coreError(error, 'last_admin') === null) throw error;
      throw new Fault('last_admin', 'You are the only admin of this channel. Make somebody else admin first, then leave.');
    }
  }

  addToChannel(id: string, people: readonly string[]): Promise<void> {
    return this.#append(id, opType.add, people.map((user) => [user, roleOf.member]));
  }

  removeFromChannel(id: string, person: string): Promise<void> {
    return this.#append(id, opType.remove, [[person, 0]]);
  }

  setChannelAdmin(id: string, person: string, admin: boolean): Promise<void> {
    return this.#append(id, opType.role, [[person, admin ? roleOf.admin : roleOf.member]]);
  }

  async #append(id: string, type: number, targets: readonly (readonly [user: string, role: number])[]): Promise<void> {
    for (const [user] of targets) if (type === opType.add) await this.#membership.fetch(user);
    const list = targets.map(([user, role]) => ({ user: fromBase64(user), role }));
    await this.#membership.append(id, type, 0, list, this.#catchUp);
  }

  /** Signs the removal of people whom the place has dropped, where this person is admin. */
  async tidy(): Promise<void> {
    const { world, me } = this.#base;
    for (const channel of [...world.all('channel')]) {
      const signed = this.#membership.channel(channel.id);
      if (signed?.members.some((one) => one.user === me && one.admin) !== true) continue;
      const gone = signed.members.filter((one) => world.get('member', `${channel.community_id}/${one.user}`) === undefined);
      for (const { user } of gone) {
        await this.removeFromChannel(channel.id, user).catch((error: unknown) => {
          // Another admin's client may have been first.
          if (this.#membership.channel(channel.id)?.members.some((one) => one.user === user) === true) keepGoing(error);
        });
      }
    }
  }

  async createInvite(input: { communityId: string; uses: number; days: number; role: 'admin' | 'member' }): Promise<MadeInvite> {
    const invite = await this.#base.api.post<Invite>('/api/invites', {
      community_id: input.communityId, uses: input.uses, expires_in: Math.round(input.days * day), role: input.role,
    });
    return made(invite);
  }

  async listInvites(communityId: string): Promise<MadeInvite[]> {
    const { invites } = await this.#base.api.get<{ invites: Invite[] }>('/api/invites');
    return invites.filter((one) => one.community_id === communityId).map(made);
  }

  revokeInvite(id: string): Promise<void> {
    return this.#base.api.delete(`/api/invites/${id}`);
  }

  async acceptInvite(token: string): Promise<string | null> {
    const { id } = await this.#base.api.post<Community>('/api/invites/accept', { token });
    await this.#catchUp();
    await this.settleIn();
    return this.#first(id);
  }

  async changeName(displayName: string): Promise<void> {
    const user = await this.#base.api.patch<User>('/api/me', { display_name: displayName });
    this.#base.world.put('user', user.id, user);
    await this.#catchUp();
  }
}

function made(invite: Invite): MadeInvite {
  const { id, uses, used, token } = invite;
  return { id, uses, used, expiresAt: invite.expires_at, url: token === undefined ? '' : `${self.location.origin}/join#${token}` };
}

// Failures of steps that others will make up for; what only the network stopped has to stop the rest too.
function keepGoing(error: unknown): void {
  if (refused(error, 'offline', 'session_ended')) throw error;
}
