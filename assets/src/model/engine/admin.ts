import type { Api } from '../../net/api.ts';
import type {
  AdminInvite as WireInvite, AdminUser, AuditEntry as WireEntry, AuditPage as WirePage, Checkup as WireCheckup, Overview as WireOverview, Place, ResetLink,
} from '../../net/wire.ts';
import type { AdminInvite, AuditEntry, AuditPage, Checkup, Overview } from '../types.ts';

const auditAtOnce = 50;

/** Looking after the place: loaded by those who do. People stay as the place tells of them; the tab knows them by name. */
export class Admin {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async overview(): Promise<Overview> {
    const found = await this.#api.get<WireOverview>('/api/admin/overview');
    const { name, version, registration } = found.place;
    return {
      placeName: name, version, registration, startedAt: found.started_at, people: found.people, online: found.online,
      databaseBytes: found.database_bytes, diskFree: found.disk_free, diskTotal: found.disk_total,
      failedSignIns: found.failed_sign_ins, lately: found.lately.map(entryOf),
    };
  }

  /** The last checkup, or a new one. */
  async checkup(again: boolean): Promise<Checkup> {
    const { at, grade, findings } = await (again ? this.#api.post<WireCheckup>('/api/admin/checkup') : this.#api.get<WireCheckup>('/api/admin/checkup'));
    return { at, grade, findings };
  }

  async users(): Promise<readonly AdminUser[]> {
    return (await this.#api.get<{ users: AdminUser[] }>('/api/admin/users')).users;
  }

  change(user: string, change: { state?: 'active' | 'locked' | 'suspended'; role?: 'admin' | 'member'; unlock?: true }): Promise<AdminUser> {
    return this.#api.patch<AdminUser>(`/api/admin/users/${user}`, change);
  }

  async resetLink(user: string, twoStep: boolean): Promise<{ url: string; expiresAt: number }> {
    const { token, expires_at } = await this.#api.post<ResetLink>(`/api/admin/users/${user}/reset`, { two_step: twoStep });
    return { url: `${self.location.origin}/reset#${token}`, expiresAt: expires_at };
  }

  setRegistration(registration: 'invite_only' | 'open' | 'closed'): Promise<Place> {
    return this.#api.patch<Place>('/api/admin/place', { registration });
  }

  async invites(): Promise<readonly AdminInvite[]> {
    return (await this.#api.get<{ invites: WireInvite[] }>('/api/admin/invites')).invites.map(inviteOf);
  }

  revokeInvite(id: string): Promise<void> {
    return this.#api.delete(`/api/admin/invites/${id}`);
  }

  /** A run of the audit log, the newest first; before is the id of the last entry known. */
  async audit(before: number | null): Promise<AuditPage> {
    const from = before === null ? '' : `before=${before}&`;
    const { entries, more, days } = await this.#api.get<WirePage>(`/api/admin/audit?${from}limit=${auditAtOnce}`);
    return { entries: entries.map(entryOf), more, days };
  }
}

function entryOf({ id, at, what, actor_name, user_name, detail, address }: WireEntry): AuditEntry {
  return { id, at, what, actor: actor_name, user: user_name, detail, address };
}

function inviteOf({ invite, community_name, inviter_name }: WireInvite): AdminInvite {
  const { id, uses, used, role, expires_at, created_at } = invite;
  return { id, uses, used, expiresAt: expires_at, community: community_name, inviter: inviter_name, role: role === 'admin' ? 'admin' : 'member', createdAt: created_at };
}
