import type { Bundle, Sealed } from '../../crypto/core.d.ts';
import type { Change } from '../../crypto/keystore.ts';
import { fromBase64, toBase64 } from '../../net/base64.ts';
import type { Bundle as WireBundle, Channel, DM, NewMessage } from '../../net/wire.ts';
import type { Base } from './base.ts';
import { coreError } from './errors.ts';
import type { Membership } from './membership.ts';

const claimAtOnce = 100;

/** Encrypts what goes out, with the prekey bundles it needs. */
export class Sealing {
  readonly #base: Base;
  readonly #membership: Membership;

  constructor(base: Base, membership: Membership) {
    this.#base = base;
    this.#membership = membership;
  }

  /** Seals one message; the core's new state and what keep returns are on the disk before this returns, so before anything is sent. */
  async seal(conv: string, id: string, plaintext: Uint8Array, keep: (request: string) => Promise<readonly Change[]>): Promise<void> {
    const { machine } = this.#base;
    const to = fromBase64(conv);
    const excluded: Uint8Array[] = [];
    for (let tries = 0; ; tries++) {
      const plan = machine.core.sealPlan(to).filter((one) => !excluded.some((device) => same(device, one.device)));
      const bundles = await this.#claim(plan.map((one) => ({ user_id: toBase64(one.user), device_id: toBase64(one.device) })));
      for (const one of plan) if (!bundles.some((bundle) => same(bundle.device, one.device))) excluded.push(one.device);
      try {
        await machine.run((core) => core.seal(to, fromBase64(id), plaintext, bundles, excluded), (sealed) => keep(requestOf(id, sealed)), true);
        return;
      } catch (error) {
        const bad = coreError(error, 'bad_bundle')?.device ?? null;
        if (tries >= 20 || (bad === null && coreError(error, 'need_bundles') === null)) throw error;
        if (bad !== null) excluded.push(bad);
      }
    }
  }

  /** Brings a conversation up to what the place says now: for when sending shows that something was missed. */
  async mend(conv: string): Promise<void> {
    const { world, api } = this.#base;
    const dm = world.get('dm', conv);
    if (dm !== undefined) {
      await this.#membership.fetch(dm.peer.id);
      await this.#membership.loadDM(await api.post<DM>('/api/dms', { user_id: dm.peer.id }));
      return;
    }
    for (const user of world.people(conv)) await this.#membership.fetch(user);
    await this.#membership.readChannel(conv, null);
    await this.#membership.heed(await api.get<Channel>(`/api/channels/${conv}`));
  }

  async #claim(devices: readonly { user_id: string; device_id: string }[]): Promise<Bundle[]> {
    const found: Bundle[] = [];
    for (let at = 0; at < devices.length; at += claimAtOnce) {
      const { bundles } = await this.#base.api.post<{ bundles: WireBundle[] }>('/api/prekeys/claim', { devices: devices.slice(at, at + claimAtOnce) });
      found.push(...bundles.map(bundleOf));
    }
    return found;
  }
}

function requestOf(id: string, sealed: Sealed): string {
  const envelopes = sealed.envelopes.map((one) => ({ user_id: toBase64(one.user), device_id: toBase64(one.device), envelope: toBase64(one.envelope) }));
  const request: NewMessage = { message_id: id, epoch: sealed.epoch, ciphertext: toBase64(sealed.content), envelopes };
  return JSON.stringify(request);
}

function bundleOf(one: WireBundle): Bundle {
  return {
    user: fromBase64(one.user_id),
    device: fromBase64(one.device_id),
    signed: fromBase64(one.signed),
    oneTime: one.one_time === undefined ? null : fromBase64(one.one_time),
    kem: fromBase64(one.kem),
  };
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
