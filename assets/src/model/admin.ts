import type { AdminUser } from '../net/wire.ts';
import type { Bridge } from './bridge.ts';
import type { Admin, AdminInvite, AdminPerson, AuditPage, Checkup, Id, Overview, Person } from './types.ts';
import { standing, type World } from './world.svelte.ts';

/** Looking after the place, as a tab passes it on to the engine. */
export class TabAdmin implements Admin {
  readonly #ask: Bridge;
  readonly #world: World;

  constructor(ask: Bridge, world: World) {
    this.#ask = ask;
    this.#world = world;
  }

  overview(): Promise<Overview> {
    return this.#ask.call('adminOverview');
  }
  checkup(again: boolean): Promise<Checkup> {
    return this.#ask.call('adminCheckup', again);
  }
  async people(): Promise<readonly AdminPerson[]> {
    return (await this.#ask.call('adminUsers')).map((one) => this.#person(one));
  }
  async setState(person: Id, state: 'active' | 'locked' | 'suspended'): Promise<AdminPerson> {
    return this.#person(await this.#ask.call('adminChange', person, { state }));
  }
  async unlock(person: Id): Promise<AdminPerson> {
    return this.#person(await this.#ask.call('adminChange', person, { unlock: true }));
  }
  async setAdmin(person: Id, admin: boolean): Promise<AdminPerson> {
    return this.#person(await this.#ask.call('adminChange', person, { role: admin ? 'admin' : 'member' }));
  }
  resetLink(person: Id, twoStep: boolean): Promise<{ url: string; expiresAt: number }> {
    return this.#ask.call('adminResetLink', person, twoStep);
  }
  setRegistration(mode: 'invite_only' | 'open' | 'closed'): Promise<void> {
    return this.#ask.call('adminRegistration', mode);
  }
  invites(): Promise<readonly AdminInvite[]> {
    return this.#ask.call('adminInvites');
  }
  revokeInvite(id: Id): Promise<void> {
    return this.#ask.call('adminRevoke', id);
  }
  audit(before: number | null): Promise<AuditPage> {
    return this.#ask.call('adminAudit', before);
  }

  #person(found: AdminUser): AdminPerson {
    const { user, state, devices, sessions, passkeys } = found;
    return {
      person: this.#world.maps.user.has(user.id) ? this.#world.person(user.id) : this.#stranger(found), admin: user.role === 'admin', state, devices, sessions,
      passkeys, twoStep: found.two_step, hasKeys: found.has_keys, lockedUntil: found.locked_until, createdAt: found.created_at, lastSeen: found.last_seen,
    };
  }

  // Somebody with whom the admin shares no community: nothing of them is kept in this browser.
  #stranger({ user, state }: AdminUser): Person {
    return { id: user.id, name: user.display_name, username: user.username, presence: 'offline', isMe: false, state: standing(state) };
  }
}
