// A browser for the engine: its globals, with the place (place.ts) behind fetch and WebSocket, and a clock twenty times as fast.
import { readFileSync } from 'node:fs';
import { after } from 'node:test';
import { Engine } from '../../src/model/engine/engine.ts';
import type { Kinds, News, Standing } from '../../src/model/news.ts';
import type { Toast } from '../../src/model/types.ts';
import { installIndexedDB } from './indexeddb.ts';
import type { Place } from './place.ts';

const faster = 20;
const realTimeout = globalThis.setTimeout;
/** What was waited for since the last reset, in milliseconds of the engine's time. */
export const waits: number[] = [];

export let databases: () => string[] = () => [];
let at: Place | null = null;

function install(): void {
  const alive = setInterval(() => undefined, 60_000);
  const dies = clearInterval;
  after(() => dies(alive));
  const quick = (call: () => void, ms = 0): unknown => {
    waits.push(ms);
    return realTimeout(call, ms / faster).unref();
  };
  const turns = new Map<string, Promise<unknown>>();
  const request = (name: string, ...rest: unknown[]): Promise<unknown> => {
    const turn = (turns.get(name) ?? Promise.resolve()).then(() => (rest.at(-1) as () => Promise<unknown>)());
    turns.set(name, turn.catch(() => undefined));
    return turn;
  };
  Object.assign(globalThis, {
    self: globalThis, location: new URL('https://place.test/'), addEventListener: () => undefined, setTimeout: quick,
    setInterval: () => 0, clearInterval: () => undefined, caches: { keys: async () => [], delete: async () => true },
    WebSocket: Line,
    fetch: async (path: string | URL, init: RequestInit = {}): Promise<Response> => {
      if (String(path).endsWith('core.wasm')) return new Response(readFileSync(String(path)), { headers: { 'Content-Type': 'application/wasm' } });
      if (at === null) throw new TypeError('no network');
      return at.answer(init.method ?? 'GET', String(path), init.body === undefined ? undefined : JSON.parse(String(init.body)), new Headers(init.headers));
    },
  });
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { userAgent: 'Firefox/140 Linux', locks: { request } } });
}

/** The socket between a browser and the place. */
class Line {
  static readonly OPEN = 1;
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor() {
    setImmediate(() => {
      if (at === null) return this.close(1006);
      this.readyState = 1;
      this.onopen?.();
    });
  }
  send(text: string): void {
    const { after: from } = JSON.parse(text) as { after?: number };
    at?.connect(this, from);
  }
  tell(frame: unknown): void {
    if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify(frame) });
  }
  close(code = 1000): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    at?.disconnect(this);
    setImmediate(() => this.onclose?.({ code }));
  }
}
export type { Line };

let running: Browser | null = null;

// Two engines never run at once: in a browser the lock sees to it.
function stopped(): void {
  if (running !== null && running.standing.me !== null && running.standing.at !== 'unlock') running.engine.home.stop();
  running = null;
}

/** One browser: an engine, and what it has told its tabs. */
export class Browser {
  readonly engine: Engine;
  readonly toasts: Pick<Toast, 'text'>[] = [];
  readonly #world = new Map<string, unknown>();

  constructor() {
    this.engine = new Engine((news) => news.forEach((one) => this.#hear(one)), () => undefined);
    void this.engine.start();
  }

  /** A browser that knows nobody, at a place. */
  static async fresh(place: Place | null): Promise<Browser> {
    stopped();
    databases = installIndexedDB();
    return Browser.again(place);
  }

  /** The same browser after a reload. */
  static async again(place: Place | null): Promise<Browser> {
    stopped();
    at = place;
    const browser = new Browser();
    running = browser;
    await browser.engine.ready;
    return browser;
  }

  get standing(): Standing {
    return this.engine.standing;
  }

  /** Everything of a kind, as the tabs were told. */
  told<K extends keyof Kinds>(kind: K): Kinds[K][] {
    return [...this.#world].filter(([key]) => key.startsWith(`${kind}/`)).map(([, value]) => value as Kinds[K]);
  }

  /** Waits until something is so. */
  async until(what: () => boolean, why: string): Promise<void> {
    for (let tries = 0; !what(); tries++) {
      if (tries > 5_000) throw new Error(`never came to be: ${why}`);
      await new Promise((resolve) => realTimeout(resolve, 2));
    }
  }

  #hear(news: News): void {
    if (news.t === 'whole') this.#world.clear();
    if (news.t === 'put') this.#world.set(`${news.kind}/${news.id}`, news.value);
    if (news.t === 'gone') this.#world.delete(`${news.kind}/${news.id}`);
    if (news.t === 'toast') this.toasts.push(news);
  }
}

/** Somebody with an account and keys in a browser; the recovery key is confirmed, the chat open. */
export async function settled(place: Place): Promise<{ browser: Browser; key: string }> {
  const browser = await Browser.fresh(place);
  await browser.engine.register({ username: 'ida', displayName: 'Ida', password: place.password, invite: null });
  const key = browser.standing.recoveryKey!;
  await browser.engine.recoveryConfirmed();
  browser.engine.enterChat();
  await browser.until(() => browser.engine.home.connection === 'online', 'the socket');
  return { browser, key };
}

/** The place goes away, or comes back. */
export function network(place: Place | null): void {
  at?.hangUp();
  at = place;
}

install();
