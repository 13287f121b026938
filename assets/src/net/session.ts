import { ask } from './api.ts';
import { Fault } from './failure.ts';
import type { SignedIn } from './wire.ts';

/** Renewed this long before it expires, so that no request carries a token that dies on the way. */
const early = 120_000;

/** The login session of this browser: the access token lives here in memory, the refresh token in a cookie no script can read. */
export class Session {
  #signedIn: SignedIn | null = null;
  #refreshing: Promise<SignedIn> | null = null;
  readonly #ended: () => void;

  /** ended is called once when the place says that the session is over. */
  constructor(ended: () => void) {
    this.#ended = ended;
  }

  get current(): SignedIn | null {
    return this.#signedIn;
  }

  /** Takes over what a sign-in answered. */
  accept(signedIn: SignedIn): void {
    this.#signedIn = signedIn;
  }

  /** The session got a device. */
  bind(device: string): void {
    if (this.#signedIn !== null) this.#signedIn = { ...this.#signedIn, device_id: device };
  }

  forget(): void {
    this.#signedIn = null;
  }

  async token(renew: boolean): Promise<string> {
    const have = this.#signedIn;
    if (!renew && have !== null && have.expires_at - Date.now() > early) return have.access_token;
    return (await this.refresh()).access_token;
  }

  /** Renews by the cookie; callers at the same time share one request, and tabs take turns. */
  refresh(): Promise<SignedIn> {
    if (this.#refreshing !== null) return this.#refreshing;
    const work = this.#exclusively().finally(() => {
      this.#refreshing = null;
    });
    this.#refreshing = work;
    return work;
  }

  async #exclusively(): Promise<SignedIn> {
    return navigator.locks.request('chatalot-refresh', () => this.#refresh());
  }

  async #refresh(): Promise<SignedIn> {
    try {
      this.#signedIn = await ask<SignedIn>('POST', '/api/auth/refresh', { transport: 'cookie' }, null);
      return this.#signedIn;
    } catch (error) {
      if (error instanceof Fault && error.status === 401) {
        this.#signedIn = null;
        this.#ended();
      }
      throw error;
    }
  }
}
