import type { Core, CoreModule } from '../../crypto/core.d.ts';
import { ask } from '../../net/api.ts';
import { toBase64 } from '../../net/base64.ts';
import { Fault } from '../../net/failure.ts';
import type { Challenge, PasskeyAssertion, PasskeyOptions, ResetPreview, SignedIn } from '../../net/wire.ts';
import { mistyped, refused } from './errors.ts';

/** Somebody signed in; with the recovery key that they came by, for their keys here. */
export interface Arrival {
  readonly signedIn: SignedIn;
  readonly recoveryKey: string | null;
}

interface Pending {
  readonly challenge: string;
  readonly name: string;
  readonly recoveryKey: string | null;
}

const byCookie = { transport: 'cookie' } as const;

/** The ways into an account, one and two steps long. What lies between the steps is kept in memory only. */
export class SignIn {
  #pending: Pending | null = null;

  /** The sign-in name whose second step is due. */
  get name(): string | null {
    return this.#pending?.name ?? null;
  }

  /** null: the password is right, and a second step is due. */
  login({ username, password }: { username: string; password: string }): Promise<Arrival | null> {
    return this.#first('/api/auth/login', { username, password, ...byCookie }, username, null);
  }

  /** The second step: exactly one of the two codes. Code challenge_gone: it begins with the first one again. */
  async secondStep({ code, backupCode, trust }: { code?: string; backupCode?: string; trust: boolean }): Promise<Arrival> {
    const pending = this.#pending;
    if (pending === null) throw new Fault('challenge_gone', 'This sign-in has expired. Begin again.');
    const step = code === undefined ? { backup_code: backupCode ?? '' } : { code: code.replace(/\s/g, '') };
    try {
      const signedIn = await ask<SignedIn>('POST', '/api/auth/challenge', { challenge: pending.challenge, ...step, trust, ...byCookie }, null);
      this.#pending = null;
      return { signedIn, recoveryKey: pending.recoveryKey };
    } catch (error) {
      if (refused(error, 'challenge_gone')) this.#pending = null;
      throw error;
    }
  }

  /** Forgets a first step. */
  cancel(): void {
    this.#pending = null;
  }

  /** A new password by the recovery key. The place gets a proof made of it and never the key itself. */
  async recover(module: CoreModule, input: { username: string; recoveryKey: string; password: string }): Promise<Arrival | null> {
    const { username, recoveryKey, password } = input;
    const proof = toBase64(asProof(module.open([]), recoveryKey));
    return this.#first('/api/auth/recover', { username, proof, password, ...byCookie }, username, recoveryKey);
  }

  previewReset(token: string): Promise<ResetPreview> {
    return ask<ResetPreview>('POST', '/api/auth/reset/preview', { token }, null);
  }

  /** A new password by the one-use link of an admin. */
  async reset({ token, password }: { token: string; password: string }): Promise<Arrival | null> {
    const { username } = await this.previewReset(token);
    return this.#first('/api/auth/reset', { token, password, ...byCookie }, username, null);
  }

  passkeyOptions(): Promise<PasskeyOptions> {
    return ask<PasskeyOptions>('POST', '/api/auth/passkey/options', undefined, null);
  }

  /** Both steps in one. */
  async passkey(passkey: PasskeyAssertion): Promise<Arrival> {
    const signedIn = await ask<SignedIn>('POST', '/api/auth/passkey', { passkey, ...byCookie }, null);
    this.#pending = null;
    return { signedIn, recoveryKey: null };
  }

  async #first(path: string, body: unknown, name: string, recoveryKey: string | null): Promise<Arrival | null> {
    const answer = await ask<SignedIn | Challenge>('POST', path, body, null);
    this.#pending = 'challenge' in answer ? { challenge: answer.challenge, name, recoveryKey } : null;
    return 'challenge' in answer ? null : { signedIn: answer, recoveryKey };
  }
}

function asProof(core: Core, recoveryKey: string): Uint8Array {
  try {
    return core.recoveryProof(recoveryKey);
  } catch (error) {
    throw mistyped(error);
  }
}
