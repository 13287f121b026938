import { pause, sleep } from './backoff.ts';
import { Fault, unreachable } from './failure.ts';
import { Gate } from './gate.ts';

/** Where the access token comes from; renewed says that the last one was refused. */
export interface Tokens {
  token(renewed: boolean): Promise<string>;
}

const patience = 20_000;
/** The longest that a question waits by itself before it is asked once more, in seconds. */
const shortWait = 15;

// A place takes so many requests in one breath and no more: coming back with everything at once would only be turned away.
const gate = new Gate(6);

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
      if (!(error instanceof Fault) || (error.code !== 'unauthorized' && error.code !== 'session_ended')) throw error;
    } // whether the session is over, renewing it tells
    return ask<T>(method, path, body, await this.#tokens.token(true));
  }
}

/** One request and its answer; token is null on the public routes. A question that came too early is asked once more, when the place says. */
export async function ask<T>(method: string, path: string, body: unknown, token: string | null): Promise<T> {
  try {
    return await gate.pass(() => once<T>(method, path, body, token));
  } catch (error) {
    if (method !== 'GET' || !(error instanceof Fault) || error.code !== 'too_many_requests' || (error.retryAfter ?? Infinity) > shortWait) throw error;
    await sleep(pause(error, 0));
    return gate.pass(() => once<T>(method, path, body, token));
  }
}

async function once<T>(method: string, path: string, body: unknown, token: string | null): Promise<T> {
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
    if (answer.status === 429) throw tooMany(answer); // said by a proxy in front of the place
    // Something between us and the place answered in its stead.
    throw new Fault('offline', 'Something other than the place answered. Check the address and the network, then try again.');
  }
  if (answer.ok) return json as T;
  const fault = (json as { error?: { code: string; message: string; field?: string; retry_after?: number } } | undefined)?.error;
  if (fault === undefined && answer.status === 429) throw tooMany(answer);
  if (fault === undefined) throw new Fault('unavailable', 'The place did not say what went wrong. Try again in a moment.', { status: answer.status });
  throw new Fault(fault.code, fault.message, { field: fault.field ?? null, retryAfter: fault.retry_after ?? retryAfter(answer), status: answer.status });
}

function tooMany(answer: Response): Fault {
  return new Fault('too_many_requests', 'That was a lot at once. Wait a moment, then try again.', { retryAfter: retryAfter(answer) ?? 1, status: 429 });
}

function retryAfter(answer: Response): number | null {
  const seconds = Number(answer.headers.get('Retry-After') ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
