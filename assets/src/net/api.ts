import { Fault, unreachable } from './failure.ts';

/** Where the access token comes from; renewed says that the last one was refused. */
export interface Tokens {
  token(renewed: boolean): Promise<string>;
}

const patience = 20_000;

/** HTTP to the place: one way to ask, one shape of failure. Every rejection is a Fault. */
export class Api {
  readonly #tokens: Tokens;

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  get<T>(path: string): Promise<T> {
    return this.#authorised<T>('GET', path);
  }
  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#authorised<T>('POST', path, body);
  }
  put<T>(path: string, body?: unknown): Promise<T> {
    return this.#authorised<T>('PUT', path, body);
  }
  patch<T>(path: string, body?: unknown): Promise<T> {
    return this.#authorised<T>('PATCH', path, body);
  }
  delete(path: string): Promise<void> {
    return this.#authorised('DELETE', path);
  }

  async #authorised<T>(method: string, path: string, body?: unknown): Promise<T> {
    const token = await this.#tokens.token(false);
    try {
      return await ask<T>(method, path, body, token);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'unauthorized') throw error;
    }
    return ask<T>(method, path, body, await this.#tokens.token(true));
  }
}

/** One request and its answer; token is null on the public routes. */
export async function ask<T>(method: string, path: string, body: unknown, token: string | null): Promise<T> {
  const headers = new Headers();
  if (token !== null) headers.set('Authorization', `Bearer ${token}`);
  const init: RequestInit = { method, headers, cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(patience) };
  if (body !== undefined) {
    headers.set('Content-Type', 'application/json');
    init.body = JSON.stringify(body);
  }
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, init);
    text = await answer.text();
  } catch {
    throw unreachable();
  }
  return read<T>(answer, text);
}

function read<T>(answer: Response, text: string): T {
  let json: unknown;
  try {
    json = text === '' ? undefined : JSON.parse(text);
  } catch {
    // Something between us and the place answered in its stead.
    throw new Fault('offline', 'Something other than the place answered. Check the address and the network, then try again.');
  }
  if (answer.ok) return json as T;
  const fault = (json as { error?: { code: string; message: string; field?: string; retry_after?: number } } | undefined)?.error;
  if (fault === undefined) throw new Fault('unavailable', 'The place did not say what went wrong. Try again in a moment.', { status: answer.status });
  throw new Fault(fault.code, fault.message, { field: fault.field ?? null, retryAfter: fault.retry_after ?? null, status: answer.status });
}
