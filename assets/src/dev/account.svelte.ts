import type { Account, Community, Failure, Id, Passkey, Security, SignIn } from '../model/types.ts';

const day = 86_400_000;
const moment = () => new Promise<void>((resolve) => setTimeout(resolve, 350));

export function fail(message: string, field: string | null = null, code = 'made_up', retryAfter: number | null = null): Failure {
  return { code, message, field, retryAfter };
}

const codes = ['q7mk-2xwd', 'h4tr-9pnc', 'z8vb-3kfa', 'm2dy-6swq', 'c5jn-7rgx', 't9ah-4zpe', 'w3ku-8mbd', 'x6fs-2vqn', 'p4gy-5ctr', 'd8ze-9hkm'];

interface Home {
  communities: readonly Community[];
  recoveryKey: string | null;
  toRecoveryKey(): void;
  leave(notice: string): void;
}

/** An account over made-up data: the password is "correct horse battery", the code 123456. */
export class MadeUpAccount implements Account {
  passkeysWork = $state(true);
  /** Reading fails, for the pages that have to say so. */
  broken = false;
  wait = false;
  #fresh = false;
  #security = $state.raw<Security>({
    passwordAt: Date.now() - 93 * day,
    twoStep: true,
    backupCodes: 8,
    passkeys: [{ id: 'pk1', name: 'Nora’s phone', createdAt: Date.now() - 200 * day, usedAt: Date.now() - 3_600_000 * 2 }],
  });
  #sessions: readonly SignIn[] = [
    sign('s1', 'Firefox on Linux', 'Kitchen laptop', { current: true, lastSeen: Date.now(), network: '203.0.113.0/24' }),
    sign('s2', 'Chrome on Android', 'Nora’s phone', { lastSeen: Date.now() - 240_000, network: '2001:db8:77::/48' }),
    sign('s3', 'Chrome on Windows', 'Office computer', { lastSeen: Date.now() - 62 * day }),
    sign('s4', 'Safari on iPad', '', { hasKeys: false, lastSeen: Date.now() - 3 * day, network: '198.51.100.0/24' }),
    sign('s5', 'Chrome on Android', 'Samuel Adeyemi-Okonkwo von Hohenstein-Wiesental lent me this one in the summer', { lastSeen: Date.now() - 9 * day }),
  ];
  readonly #home: Home;

  constructor(home: Home) {
    this.#home = home;
  }

  set(change: Partial<Security>): void {
    this.#security = { ...this.#security, ...change };
  }
  only(count: number): void {
    this.#sessions = this.#sessions.slice(0, count);
  }

  async #guarded(): Promise<void> {
    await moment();
    if (!this.#fresh) throw fail('Show that it is you: enter your password again, then try once more.', null, 'confirm_first');
  }
  async security(): Promise<Security> {
    if (this.wait) return new Promise(() => undefined);
    await moment();
    if (this.broken) throw fail('The place did not answer. Try again.', null, 'unavailable');
    return this.#security;
  }
  async confirm(password: string): Promise<void> {
    await moment();
    if (password === 'locked') throw fail('Too many attempts. Try again in 14 minutes.', null, 'account_locked', 828);
    if (password !== 'correct horse battery') throw fail('That is not your password. Try again.', null, 'bad_credentials');
    this.#fresh = true;
  }
  async confirmByPasskey(): Promise<void> {
    await moment();
    this.#fresh = true;
  }
  async changePassword(): Promise<void> {
    await this.#guarded();
    this.set({ passwordAt: Date.now() });
    this.only(1);
  }
  async beginTwoStep(): Promise<{ secret: string; url: string }> {
    await this.#guarded();
    const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
    return { secret, url: `otpauth://totp/Birch%20Lane:nora?secret=${secret}&issuer=Birch%20Lane&algorithm=SHA1&digits=6&period=30` };
  }
  async confirmTwoStep(code: string): Promise<readonly string[]> {
    await moment();
    if (code !== '123456') throw fail('That code did not match. Wait for the next one, and check that your phone’s clock is right.', null, 'bad_code');
    this.set({ twoStep: true, backupCodes: 10 });
    return codes;
  }
  async endTwoStep(): Promise<void> {
    await this.#guarded();
    this.set({ twoStep: false, backupCodes: 0 });
  }
  async newBackupCodes(): Promise<readonly string[]> {
    await this.#guarded();
    this.set({ backupCodes: 10 });
    return codes;
  }
  async addPasskey(name: string): Promise<Passkey> {
    await this.#guarded();
    const passkey = { id: `pk${Date.now()}`, name, createdAt: Date.now(), usedAt: 0 };
    this.set({ passkeys: [...this.#security.passkeys, passkey] });
    return passkey;
  }
  async renamePasskey(id: Id, name: string): Promise<Passkey> {
    await moment();
    const passkeys = this.#security.passkeys.map((one) => (one.id === id ? { ...one, name } : one));
    this.set({ passkeys });
    return passkeys.find((one) => one.id === id)!;
  }
  async removePasskey(id: Id): Promise<void> {
    await this.#guarded();
    this.set({ passkeys: this.#security.passkeys.filter((one) => one.id !== id) });
  }
  async sessions(): Promise<readonly SignIn[]> {
    await moment();
    if (this.broken) throw fail('The place did not answer. Try again.', null, 'unavailable');
    return this.#sessions;
  }
  async endSession(id: Id): Promise<void> {
    await this.#guarded();
    this.#sessions = this.#sessions.filter((one) => one.id !== id);
  }
  async endOtherSessions(): Promise<void> {
    await this.#guarded();
    this.only(1);
  }
  async checkRecoveryKey(key: string): Promise<boolean> {
    await moment();
    return key === this.#home.recoveryKey;
  }
  async changeRecoveryKey(old: string): Promise<void> {
    await moment();
    if (old !== this.#home.recoveryKey) throw fail('This is not your recovery key. Look for a typing mistake.', 'recoveryKey', 'bad_recovery_key');
    this.#home.recoveryKey = '9MHT-4QWE-K2PD-7XCV-RT6B-N8ZA-3FJY';
    this.#home.toRecoveryKey();
  }
  get owned(): readonly Community[] {
    return this.#home.communities.filter((one) => one.role === 'owner' && one.members.length > 1);
  }
  async handOver(community: Id, person: Id): Promise<void> {
    await moment();
    this.#home.communities = this.#home.communities.map((one) =>
      one.id === community
        ? {
            ...one,
            role: 'admin',
            members: one.members.map((each) => ({ ...each, role: each.person.id === person ? 'owner' : each.person.isMe ? 'admin' : each.role })),
          }
        : one,
    );
  }
  async deleteAccount(): Promise<void> {
    await this.#guarded();
    this.#home.leave('Your account is deleted.');
  }
}

function sign(id: Id, agent: string, device: string, more: Partial<SignIn>): SignIn {
  return { id, agent, device, network: '', current: false, hasKeys: true, createdAt: Date.now() - 120 * day, lastSeen: 0, ...more };
}
