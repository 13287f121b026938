import { ask } from './api.ts';
import { fromBase64 } from './base64.ts';
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

  /** Its id, as the access token names it (a JWT; claim sid); null while there is none. It decides nothing, the place does: it only tells our own acts from others'. */
  get id(): string | null {
    try {
      const claims: unknown = JSON.parse(new TextDecoder().decode(fromBase64(this.#signedIn?.access_token.split('.')[1] ?? '')));
      const { sid } = claims as { sid?: unknown };
      return typeof sid === 'string' ? sid : null;
    } catch {
      return null;
    }
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

  /**
   * Takes the tokens that a request of this session answers with. Nothing is renewed meanwhile, here or in another tab: it would bring the old cookie
   * once more, which is what a thief would do.
   */
  async replace(request: (token: string) => Promise<SignedIn>): Promise<void> {
    const token = await this.token(false);
    await navigator.locks.request('chatalot-refresh', async () => {
      const device = this.#signedIn?.device_id;
      this.#signedIn = { ...(device === undefined ? {} : { device_id: device }), ...(await request(token)) };
    });
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
      if (error instanceof Fault && (error.status === 401 || error.code === 'account_paused')) {
        this.#signedIn = null;
        this.#ended();
      }
      throw error;
    }
  }
}
