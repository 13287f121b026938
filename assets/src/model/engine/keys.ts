import type { Change, Keystore } from '../../crypto/keystore.ts';
import type { Machine } from '../../crypto/machine.ts';
import type { Api } from '../../net/api.ts';
import { fromBase64, toBase64 } from '../../net/base64.ts';
import { pause, sleep } from '../../net/backoff.ts';
import { Fault, passes } from '../../net/failure.ts';
import type { Session } from '../../net/session.ts';
import type { Device, Manifest, PrekeyCount, Vault } from '../../net/wire.ts';
import { coreError, mistyped, refused } from './errors.ts';

/** What has to reach the place before this device counts; kept until it has. */
interface Publication {
  manifest: string;
  vault?: string;
  vault_version?: number;
  recovery?: string;
  prekeys: string[];
}

/** A recovery key on its way into the place of the old one: kept before the place hears of it, until it is known which of the two is in force. */
interface Rekey {
  code: string;
  manifest: string;
  vault: string;
  vault_version: number;
  recovery: string;
}

/** The recovery key until somebody has confirmed it. */
export interface Recovery {
  code: string;
  postponed: boolean;
}

/** This browser's part in the account: its device, its keys, their publication. */
export class Keys {
  readonly #store: Keystore;
  readonly #machine: Machine;
  readonly #api: Api;
  readonly #session: Session;
  #rekeying: Promise<unknown> = Promise.resolve();

  constructor(store: Keystore, machine: Machine, api: Api, session: Session) {
    this.#store = store;
    this.#machine = machine;
    this.#api = api;
    this.#session = session;
  }

  get exist(): boolean {
    return this.#machine.core.status().hasAccount;
  }

  /** Whether this device stands on the signed list, as far as this browser knows. */
  get active(): boolean {
    return this.#machine.core.status().active;
  }

  /** The device that the keys belong to. */
  get device(): string {
    return toBase64(this.#machine.core.status().device ?? new Uint8Array());
  }

  async published(): Promise<boolean> {
    return this.exist && (await this.#store.note<Publication>('publication')) === null;
  }

  recovery(): Promise<Recovery | null> {
    return this.#store.note<Recovery>('recovery');
  }

  async setRecovery(recovery: Recovery | null): Promise<void> {
    await this.#machine.run(() => undefined, async () => [await this.#store.noting('recovery', recovery)]);
  }

  /** Makes the keys of a new account and publishes them. Interrupted, it goes on with the same keys. */
  async create(user: string): Promise<void> {
    if (!this.exist) {
      const device = await this.#reserve();
      await this.#machine.run(
        (core) => core.createAccount(fromBase64(user), fromBase64(device)),
        async (made): Promise<Change[]> => [
          await this.#store.noting('recovery', { code: made.recoveryCode, postponed: false } satisfies Recovery),
          await this.#store.noting('publication', {
            manifest: toBase64(made.manifest), vault: toBase64(made.vault), vault_version: made.vaultVersion,
            recovery: toBase64(made.recovery), prekeys: made.prekeys.map(toBase64),
          } satisfies Publication),
        ],
        true,
      );
    }
    for (let tries = 0; ; tries++) {
      try {
        return await this.publish(user);
      } catch (error) {
        if (!passes(error)) throw error; // the account is made: it only has to be reached once more
        await sleep(pause(error, tries));
      }
    }
  }

  /** Opens the vault with the recovery key and adds this browser to the signed device list. */
  async recover(user: string, recoveryKey: string): Promise<void> {
    const device = await this.#reserve();
    for (let tries = 0; ; tries++) {
      const vault = await this.#api.get<Vault>('/api/vault');
      const newest = await this.#api.get<Manifest>(`/api/manifests/${user}`);
      try {
        await this.#machine.run(
          (core) => core.recoverAccount(fromBase64(user), fromBase64(device), recoveryKey, fromBase64(vault.vault), fromBase64(newest.manifest)),
          async (linked): Promise<Change[]> => [
            await this.#store.noting('publication', { manifest: toBase64(linked.manifest), prekeys: linked.prekeys.map(toBase64) } satisfies Publication),
          ],
          true,
        );
        return await this.publish(user);
      } catch (error) {
        if (!refused(error, 'stale_manifest') || tries >= 4) throw mistyped(error);
      }
    }
  }

  /** Whether this opens the account's vault. */
  async checkRecoveryKey(user: string, recoveryKey: string): Promise<boolean> {
    const { vault, manifest } = await this.#sealed(user);
    try {
      this.#machine.core.checkRecoveryKey(recoveryKey, vault, manifest);
      return true;
    } catch (error) {
      if (coreError(error, 'recovery_code') === null) throw error;
      return false;
    }
  }

  /**
   * Puts a new recovery key in the place of the old one; recovery() has it from then on. When this fails the old one is good, unless the answer was
   * lost: then settleRekey goes on.
   */
  changeRecoveryKey(user: string, old: string): Promise<void> {
    return this.#alone(async () => {
      if ((await this.#publishRekey(user)) === 'new') return;
      for (let tries = 0; tries < 5; tries++) {
        await this.#makeRekey(user, old);
        if ((await this.#publishRekey(user)) === 'new') return;
      }
      throw new Fault('conflict', 'Your other devices were changed at the same time. Try again.');
    });
  }

  /** Goes on with a change of which it is not known whether the place has it; null when there is none. Tells which key is in force. */
  settleRekey(user: string): Promise<'old' | 'new' | null> {
    return this.#alone(async () => {
      try {
        return await this.#publishRekey(user);
      } catch (error) {
        if ((await this.#store.note<Rekey>('rekey')) === null) return 'old'; // refused for good
        throw error;
      }
    });
  }

  async #makeRekey(user: string, old: string): Promise<void> {
    const { vault, manifest } = await this.#sealed(user);
    try {
      await this.#machine.run(
        (core) => core.changeRecoveryKey(old, vault, manifest),
        async (made): Promise<Change[]> => [
          await this.#store.noting('rekey', {
            code: made.recoveryCode, manifest: toBase64(made.manifest), vault: toBase64(made.vault), vault_version: made.vaultVersion, recovery: toBase64(made.recovery),
          } satisfies Rekey),
        ],
        true,
      );
    } catch (error) {
      throw mistyped(error);
    }
  }

  // The same bytes again do no harm: they are in force already, or become so now, or another list of devices has taken their number for good.
  async #publishRekey(user: string): Promise<'old' | 'new' | null> {
    const rekey = await this.#store.note<Rekey>('rekey');
    if (rekey === null) return null;
    const { code: _, ...publication } = rekey;
    try {
      await this.#inForce(rekey, await this.#api.put<Manifest>('/api/manifests', publication));
      return 'new';
    } catch (error) {
      if (!(error instanceof Fault) || passes(error) || refused(error, 'session_ended', 'unauthorized')) throw error;
      const { vault } = await this.#api.get<Vault>('/api/vault');
      if (vault === rekey.vault) {
        await this.#inForce(rekey, await this.#api.get<Manifest>(`/api/manifests/${user}`));
        return 'new';
      }
      await this.#machine.run(() => undefined, async () => [await this.#store.noting('rekey', null)]);
      if (!refused(error, 'stale_manifest', 'bad_manifest', 'conflict')) throw error;
      return 'old';
    }
  }

  async #inForce({ code }: Rekey, stored: Manifest): Promise<void> {
    await this.#machine.run(
      (core) => core.applyManifest(fromBase64(stored.user_id), fromBase64(stored.manifest), []),
      async () => [await this.#store.noting('recovery', { code, postponed: false } satisfies Recovery), await this.#store.noting('rekey', null)],
      true,
    );
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#rekeying.then(work);
    this.#rekeying = turn.catch(() => undefined);
    return turn;
  }

  async #sealed(user: string): Promise<{ vault: Uint8Array; manifest: Uint8Array }> {
    const { vault } = await this.#api.get<Vault>('/api/vault');
    const { manifest } = await this.#api.get<Manifest>(`/api/manifests/${user}`);
    return { vault: fromBase64(vault), manifest: fromBase64(manifest) };
  }

  /** Brings to the place what waits for it. A lost answer to an earlier try is recognised. */
  async publish(user: string): Promise<void> {
    const publication = await this.#store.note<Publication>('publication');
    if (publication === null) return;
    let stored: Manifest;
    try {
      stored = await this.#api.put<Manifest>('/api/manifests', publication);
    } catch (error) {
      if (!refused(error, 'stale_manifest', 'bad_manifest', 'conflict')) throw error;
      stored = await this.#api.get<Manifest>(`/api/manifests/${user}`);
      if (stored.manifest !== publication.manifest) throw error;
    }
    await this.#machine.run(
      (core) => core.applyManifest(fromBase64(user), fromBase64(stored.manifest), []),
      async () => [await this.#store.noting('publication', null)],
    );
    await this.topUp();
  }

  /** Binds a new session to the device whose keys this browser holds; false when it was removed from the account meanwhile. */
  async bind(): Promise<boolean> {
    const { device } = this;
    if ((await this.published()) && !this.active) return false;
    if (this.#session.current?.device_id === device) return true;
    try {
      await this.#api.post<Device>('/api/devices', { name: deviceName(), id: device });
    } catch (error) {
      if (refused(error, 'conflict', 'not_found')) return false;
      throw error;
    }
    this.#session.bind(device);
    return true;
  }

  /** Fills up the one-time keys at the place, and renews the signed one when it is due. */
  async topUp(left?: PrekeyCount): Promise<void> {
    const { one_time, kem } = left ?? (await this.#api.get<PrekeyCount>('/api/prekeys'));
    const prekeys = await this.#machine.run((core) => core.topUp(one_time, kem), undefined, true);
    if (prekeys.length > 0) await this.#api.post('/api/prekeys', { prekeys: prekeys.map(toBase64) });
  }

  async #reserve(): Promise<string> {
    const bound = this.#session.current?.device_id;
    if (bound !== undefined) return bound;
    const { id } = await this.#api.post<Device>('/api/devices', { name: deviceName() });
    this.#session.bind(id);
    return id;
  }
}

/** What a person would call this browser. */
export function deviceName(agent = navigator.userAgent): string {
  const browsers: [string, RegExp][] = [['Edge', /Edg\//], ['Opera', /OPR\//], ['Firefox', /Firefox\/|FxiOS/], ['Chrome', /Chrome\/|CriOS/], ['Safari', /Safari\//]];
  const systems: [string, RegExp][] = [['Android', /Android/], ['iPhone', /iPhone/], ['iPad', /iPad/], ['Windows', /Windows/], ['Mac', /Mac OS/], ['Linux', /Linux/]];
  const browser = browsers.find(([, pattern]) => pattern.test(agent))?.[0] ?? 'Browser';
  const system = systems.find(([, pattern]) => pattern.test(agent))?.[0];
  return system === undefined ? browser : `${browser} on ${system}`;
}
