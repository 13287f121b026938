import { delay, sleep } from './backoff.ts';
import type { Frame } from './wire.ts';

export type SocketState = 'online' | 'connecting' | 'offline';

/** What the socket needs and tells. */
export interface SocketHost {
  /** A token that lives for a while yet; renewed says that the last one was refused. */
  token(renewed: boolean): Promise<string>;
  /** Where to resume. */
  cursor(): number;
  frame(frame: Frame): void;
  state(state: SocketState): void;
  /** The session is over: do not come back. */
  ended(barred: boolean): void;
}

const helloPatience = 10_000;
/** Renewed in place this long before the token expires. */
const early = 90_000;

/** The one WebSocket of this device: connects, resumes from the cursor, renews its token in place, and comes back by itself. */
export class Socket {
  readonly #host: SocketHost;
  #running = false;
  #socket: WebSocket | null = null;
  #wake = new AbortController();
  #renew: ReturnType<typeof setTimeout> | undefined;
  #hello: ReturnType<typeof setTimeout> | undefined;
  #refused = false;

  constructor(host: SocketHost) {
    this.#host = host;
    self.addEventListener('online', () => this.#hurry());
    self.addEventListener('offline', () => this.drop());
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  stop(): void {
    this.#running = false;
    this.#hurry();
    this.#socket?.close(1000);
  }

  /** Asks the place for a sign of life; a dead connection is dropped and made anew. */
  async check(): Promise<void> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return this.#hurry();
    await this.#authenticate(socket, false);
  }

  /** The network is gone: a connection over it is dead, however long it takes the system to notice. */
  drop(): void {
    this.#socket?.close(4000);
  }

  #hurry(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  async #run(): Promise<void> {
    for (let tries = 0; this.#running; tries++) {
      this.#host.state('connecting');
      if (await this.#once()) tries = 0;
      if (!this.#running) break;
      this.#host.state('offline');
      await sleep(delay(tries, Math.random()), this.#wake.signal);
    }
  }

  /** One connection from beginning to end; whether it got as far as ready. */
  async #once(): Promise<boolean> {
    const url = new URL('/api/events', self.location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    try {
      await this.#host.token(this.#refused); // first, so that an ended session opens no socket
    } catch {
      return false;
    }
    if (!this.#running) return false;
    this.#refused = false;
    return new Promise((resolve) => {
      let ready = false;
      const socket = new WebSocket(url);
      this.#socket = socket;
      socket.onopen = () => void this.#authenticate(socket, true);
      socket.onmessage = (message) => {
        const frame = JSON.parse(String(message.data)) as Frame;
        if (frame.t === 'ready') {
          ready = true;
          this.#ready(socket, frame);
        }
        this.#host.frame(frame);
      };
      socket.onclose = (event) => {
        clearTimeout(this.#renew);
        clearTimeout(this.#hello);
        this.#socket = null;
        this.#refused = event.code === 4401;
        if (event.code === 4403) this.#host.ended(true);
        resolve(ready);
      };
      this.#expectReady(socket);
    });
  }

  async #authenticate(socket: WebSocket, begin: boolean): Promise<void> {
    try {
      const token = await this.#host.token(false);
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.send(JSON.stringify(begin ? { t: 'auth', token, after: this.#host.cursor() } : { t: 'auth', token }));
      this.#expectReady(socket);
    } catch {
      socket.close(4000);
    }
  }

  #expectReady(socket: WebSocket): void {
    clearTimeout(this.#hello);
    this.#hello = setTimeout(() => socket.close(4000), helloPatience);
  }

  #ready(socket: WebSocket, frame: Frame): void {
    clearTimeout(this.#hello);
    clearTimeout(this.#renew);
    this.#host.state('online');
    const wait = Math.max(5_000, (frame.expires_at ?? 0) - Date.now() - early);
    this.#renew = setTimeout(() => void this.#authenticate(socket, false), Math.min(wait, 2 ** 31 - 1));
  }
}
