import type { Bridge } from './bridge.ts';
import { assertion, creation, passkeysWork } from './passkey.ts';
import type { Account, Community, Failure, Id, Passkey, Security, SignIn } from './types.ts';
import type { World } from './world.svelte.ts';

/** One's own account, as a tab passes it on to the engine. The ceremonies of passkeys belong to the window. */
export class TabAccount implements Account {
  readonly passkeysWork = passkeysWork();
  readonly #ask: Bridge;
  readonly #world: World;

  constructor(ask: Bridge, world: World) {
    this.#ask = ask;
    this.#world = world;
  }

  get owned(): readonly Community[] {
    return this.#world.communities.filter((one) => one.role === 'owner' && one.members.some(({ person }) => !person.isMe));
  }

  security(): Promise<Security> {
    return this.#ask.call('security');
  }
  confirm(password: string): Promise<void> {
    return this.#ask.call('confirm', { password });
  }
  async confirmByPasskey(): Promise<void> {
    const passkey = await assertion(await this.#ask.call('passkeyOptions'));
    if (passkey === null) throw cancelled();
    await this.#ask.call('confirm', { passkey });
  }
  changePassword(password: string): Promise<void> {
    return this.#ask.call('changePassword', password);
  }
  beginTwoStep(): Promise<{ secret: string; url: string }> {
    return this.#ask.call('beginTwoStep');
  }
  confirmTwoStep(code: string): Promise<readonly string[]> {
    return this.#ask.call('confirmTwoStep', code);
  }
  endTwoStep(): Promise<void> {
    return this.#ask.call('endTwoStep');
  }
  newBackupCodes(): Promise<readonly string[]> {
    return this.#ask.call('newBackupCodes');
  }
  async addPasskey(name: string): Promise<Passkey> {
    const passkey = await creation(await this.#ask.call('newPasskeyOptions'), name);
    if (passkey === null) throw cancelled();
    return this.#ask.call('addPasskey', passkey);
  }
  renamePasskey(id: Id, name: string): Promise<Passkey> {
    return this.#ask.call('renamePasskey', id, name);
  }
  removePasskey(id: Id): Promise<void> {
    return this.#ask.call('removePasskey', id);
  }
  sessions(): Promise<readonly SignIn[]> {
    return this.#ask.call('sessions');
  }
  endSession(id: Id): Promise<void> {
    return this.#ask.call('endSession', id);
  }
  endOtherSessions(): Promise<void> {
    return this.#ask.call('endOtherSessions');
  }
  checkRecoveryKey(key: string): Promise<boolean> {
    return this.#ask.call('checkRecoveryKey', key);
  }
  changeRecoveryKey(old: string): Promise<void> {
    return this.#ask.call('changeRecoveryKey', old);
  }
  handOver(community: Id, person: Id): Promise<void> {
    return this.#ask.call('handOver', community, person);
  }
  async deleteAccount(): Promise<void> {
    await this.#ask.call('deleteAccount');
    localStorage.clear(); // out of reach for the engine, which is a worker
    sessionStorage.clear();
  }
}

function cancelled(): Failure {
  return { code: 'cancelled', message: 'Nothing was changed: no passkey was used.', field: null, retryAfter: null };
}
