import type { Change, Keystore } from '../../crypto/keystore.ts';
import type { Machine } from '../../crypto/machine.ts';
import type { Api } from '../../net/api.ts';
import { fromBase64, toBase64 } from '../../net/base64.ts';
import { delay, sleep } from '../../net/backoff.ts';
import { Fault, passes } from '../../net/failure.ts';
import type { Session } from '../../net/session.ts';
import type { Device, Manifest, PrekeyCount, Vault } from '../../net/wire.ts';
import { coreError, refused } from './errors.ts';

/** What has to reach the place before this device counts; kept until it has. */
interface Publication {
  manifest: string;
  vault?: string;
  vault_version?: number;
  prekeys: string[];
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
            manifest: toBase64(made.manifest), vault: toBase64(made.vault), vault_version: made.vaultVersion, prekeys: made.prekeys.map(toBase64),
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
        await sleep(delay(tries, Math.random()));
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
        const wrong = coreError(error, 'recovery_code');
        if (wrong !== null) throw new Fault(wrong.code, wrong.message, { field: 'recoveryKey' });
        if (!refused(error, 'stale_manifest') || tries >= 4) throw error;
      }
    }
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
