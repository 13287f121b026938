import { ask, type Api } from '../../net/api.ts';
import { Fault } from '../../net/failure.ts';
import type { Session } from '../../net/session.ts';
import type {
  BackupCodes, NewPasskey, Passkey as WirePasskey, PasskeyAssertion, PasskeyOptions, Security as WireSecurity, Session as WireSession, SignedIn,
  TwoStepSecret,
} from '../../net/wire.ts';
import type { Passkey, Security, SignIn } from '../types.ts';

/** How one's own account is guarded: the second step, passkeys, sessions, the password. */
export class Account {
  readonly #api: Api;
  readonly #session: Session;

  constructor(api: Api, session: Session) {
    this.#api = api;
    this.#session = session;
  }

  async security(): Promise<Security> {
    const { password_at, two_step, backup_codes, passkeys } = await this.#api.get<WireSecurity>('/api/me/security');
    return { passwordAt: password_at, twoStep: two_step, backupCodes: backup_codes, passkeys: passkeys.map(passkeyOf) };
  }

  /** Shows that it is really the person: dangerous changes are allowed for some minutes. */
  async confirm(by: { password: string } | { passkey: PasskeyAssertion }): Promise<void> {
    await this.#api.post('/api/me/confirm', by);
  }

  /** Fails with confirm_first before anything is changed; for what has to be done in several steps. */
  async confirmed(): Promise<void> {
    const { fresh_until } = await this.#api.get<WireSecurity>('/api/me/security');
    if (fresh_until < Date.now() + 60_000) throw new Fault('confirm_first', 'Confirm that it is you first.', { status: 403 });
  }

  /** Every other session ends; this one goes on with the tokens of the answer. */
  changePassword(password: string): Promise<void> {
    return this.#session.replace((token) => ask<SignedIn>('PUT', '/api/me/password', { password }, token));
  }

  beginTwoStep(): Promise<TwoStepSecret> {
    return this.#api.post<TwoStepSecret>('/api/me/two-step');
  }

  async confirmTwoStep(code: string): Promise<readonly string[]> {
    return (await this.#api.post<BackupCodes>('/api/me/two-step/confirm', { code: code.replace(/\s/g, '') })).codes;
  }

  endTwoStep(): Promise<void> {
    return this.#api.delete('/api/me/two-step');
  }

  async newBackupCodes(): Promise<readonly string[]> {
    return (await this.#api.post<BackupCodes>('/api/me/backup-codes')).codes;
  }

  passkeyOptions(): Promise<PasskeyOptions> {
    return this.#api.post<PasskeyOptions>('/api/me/passkeys/options');
  }

  async addPasskey(passkey: NewPasskey): Promise<Passkey> {
    return passkeyOf(await this.#api.post<WirePasskey>('/api/me/passkeys', passkey));
  }

  async renamePasskey(id: string, name: string): Promise<Passkey> {
    return passkeyOf(await this.#api.patch<WirePasskey>(`/api/me/passkeys/${id}`, { name }));
  }

  removePasskey(id: string): Promise<void> {
    return this.#api.delete(`/api/me/passkeys/${id}`);
  }

  async sessions(): Promise<readonly SignIn[]> {
    return (await this.#api.get<{ sessions: WireSession[] }>('/api/sessions')).sessions.map(signInOf);
  }

  endSession(id: string): Promise<void> {
    return this.#api.delete(`/api/sessions/${id}`);
  }

  endOtherSessions(): Promise<void> {
    return this.#api.delete('/api/sessions');
  }
}

function passkeyOf({ id, name, created_at, used_at }: WirePasskey): Passkey {
  return { id, name, createdAt: created_at, usedAt: used_at };
}

function signInOf({ id, agent, device, network, current, has_keys, created_at, last_seen }: WireSession): SignIn {
  return { id, agent, device, network, current, hasKeys: has_keys, createdAt: created_at, lastSeen: last_seen };
}
