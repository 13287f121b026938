import type { Admin, AdminInvite, AdminPerson, AuditEntry, AuditPage, Checkup, Id, Overview } from '../model/types.ts';
import { fail } from './account.svelte.ts';
import { people } from './people.ts';

const day = 86_400_000;
const moment = () => new Promise<void>((resolve) => setTimeout(resolve, 350));
const now = Date.now();

const acts = ['signed_in', 'sign_in_failed', 'invite_made', 'password_changed', 'two_step_on', 'reset_link_made', 'passkey_added', 'locked_by_guessing'];

function entry(i: number): AuditEntry {
  const who = people[i % 9]?.name ?? '';
  const what = acts[i % acts.length] ?? 'signed_in';
  const failed = what === 'sign_in_failed' || what === 'locked_by_guessing';
  return {
    id: 5000 - i,
    at: now - i * 47 * 60_000,
    what,
    actor: failed ? '' : who,
    user: who,
    detail: '',
    address: i % 3 === 0 ? '203.0.113.7' : '2001:db8:77:1::23',
  };
}

/** Looking after a made-up place. */
export class MadeUpAdmin implements Admin {
  #people: readonly AdminPerson[] = people.map((person, i) => ({
    person,
    admin: i < 2,
    state: person.state === 'gone' ? 'deleted' : person.state === 'paused' ? 'suspended' : i === 4 ? 'locked' : 'active',
    devices: 1 + (i % 3),
    sessions: 1 + (i % 2),
    twoStep: i % 3 === 0,
    passkeys: i % 4 === 0 ? 1 : 0,
    hasKeys: i !== 7,
    lockedUntil: i === 5 ? now + 700_000 : 0,
    createdAt: now - (300 - i) * day,
    lastSeen: person.presence === 'online' ? now - 60_000 : now - i * day,
  }));
  #invites: readonly AdminInvite[] = [
    invite('i1', 'Birch Lane Rowing', 'Nora Lindqvist', 'member', 10, 3, 6),
    invite('i2', 'Lindqvist family', 'Britta Lindqvist', 'member', 1, 0, 2),
    invite('i3', 'Birch Lane Rowing', 'Tomas Berg', 'admin', 1, 0, 13),
  ];
  #mode: 'invite_only' | 'open' | 'closed' = 'invite_only';
  #graded = now - 7_200_000;

  async overview(): Promise<Overview> {
    await moment();
    return {
      placeName: 'Birch Lane',
      version: '1.0.0',
      registration: this.#mode,
      startedAt: now - 41 * day,
      people: people.length,
      online: 5,
      databaseBytes: 318_000_000,
      diskFree: 77_400_000_000,
      diskTotal: 119_000_000_000,
      failedSignIns: 3,
      lately: Array.from({ length: 5 }, (_, i) => entry(i)),
    };
  }
  async checkup(again: boolean): Promise<Checkup> {
    await moment();
    if (again) this.#graded = Date.now();
    return {
      at: this.#graded,
      grade: 'fail',
      findings: [
        { id: 'backup.recent', title: 'Backups', grade: 'fail', evidence: 'The newest backup is 19 days old.', why: 'A broken card would take three weeks with it.', fix: 'chatalot backup --to /mnt/usb' },
        { id: 'admins.two', title: 'A second admin', grade: 'warn', evidence: 'One of two admins has no two-step codes.', why: 'A guessed password would be enough to look after this place.', fix: 'Ask Tomas to switch on two-step codes.' },
        ...['Keys', 'Headers', 'Limits', 'Sign-in lock', 'Address', 'Certificates', 'Disk'].map((title, i) => ({ id: `ok.${i}`, title, grade: 'pass' as const, evidence: 'As it should be.', why: 'It keeps strangers out.', fix: '' })),
      ],
    };
  }
  async people(): Promise<readonly AdminPerson[]> {
    await moment();
    return this.#people;
  }
  async #change(id: Id, change: Partial<AdminPerson>): Promise<AdminPerson> {
    await moment();
    this.#people = this.#people.map((one) => (one.person.id === id ? { ...one, ...change } : one));
    const found = this.#people.find((one) => one.person.id === id);
    if (found === undefined) throw fail('There is nothing here, or it is not yours to see.', null, 'not_found');
    return found;
  }
  async setState(id: Id, state: 'active' | 'locked' | 'suspended'): Promise<AdminPerson> {
    return this.#change(id, { state });
  }
  async unlock(id: Id): Promise<AdminPerson> {
    return this.#change(id, { lockedUntil: 0 });
  }
  async setAdmin(id: Id, admin: boolean): Promise<AdminPerson> {
    return this.#change(id, { admin });
  }
  async resetLink(): Promise<{ url: string; expiresAt: number }> {
    await moment();
    return { url: 'https://chat.birchlane.example/reset#r5Vx0mQ2bD9sHk3TzN6yWc8LfJ1aPe4UgXoR7iMtBqY', expiresAt: Date.now() + day };
  }
  async setRegistration(mode: 'invite_only' | 'open' | 'closed'): Promise<void> {
    await moment();
    this.#mode = mode;
  }
  async invites(): Promise<readonly AdminInvite[]> {
    await moment();
    return this.#invites;
  }
  async revokeInvite(id: Id): Promise<void> {
    await moment();
    this.#invites = this.#invites.filter((one) => one.id !== id);
  }
  async audit(before: number | null): Promise<AuditPage> {
    await moment();
    const from = before === null ? 0 : 5000 - before + 1;
    return { entries: Array.from({ length: 40 }, (_, i) => entry(from + i)), more: from < 200, days: 90 };
  }
}

function invite(id: Id, community: string, inviter: string, role: 'admin' | 'member', uses: number, used: number, days: number): AdminInvite {
  return { id, uses, used, community, inviter, role, createdAt: now - day, expiresAt: now + days * day };
}
