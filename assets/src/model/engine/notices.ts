import type { SessionNotice } from '../../net/wire.ts';
import { settle, type Base } from './base.ts';

/** As many as a person will read; older ones make room. */
const most = 20;
const ours = 'own-sessions';
const mostOurs = 20;

/** What a person should know about how their account is guarded, until they have dismissed it. Kept with the world: durable with the cursor that it came by. */
export class Notices {
  readonly #base: Base;
  readonly #session: () => string | null;

  /** session is the id of this browser's session. */
  constructor(base: Base, session: () => string | null) {
    this.#base = base;
    this.#session = session;
  }

  /** Takes one from the log, in the turn of its event. What this very browser did, its person knows. */
  async take(notice: SessionNotice, { seq, at }: { seq: number; at: number }): Promise<void> {
    const { session } = notice;
    if (session !== undefined && (session === this.#session() || (await this.#sessions()).includes(session))) return;
    this.#put(String(seq), notice, at);
  }

  /** Says something that this browser found out by itself. Said once, however often it is true. */
  async raise(what: string): Promise<void> {
    this.#put(what, { what }, Date.now());
    await settle(this.#base);
  }

  async dismiss(id: string): Promise<void> {
    this.#base.world.drop('notice', id);
    await settle(this.#base);
  }

  /** Notes that the session of now is this browser's: the log may tell of it only once another one has taken its place. */
  async own(): Promise<void> {
    const { machine, store } = this.#base;
    const session = this.#session();
    const known = await this.#sessions();
    if (session === null || known.includes(session)) return;
    await machine.run(() => undefined, async () => [await store.noting(ours, [...known, session].slice(-mostOurs))]);
  }

  async #sessions(): Promise<readonly string[]> {
    return (await this.#base.store.note<string[]>(ours)) ?? [];
  }

  #put(id: string, { what, agent = '', network = '' }: SessionNotice, at: number): void {
    const { world } = this.#base;
    world.put('notice', id, { id, what, agent, network, at });
    const all = [...world.all('notice')].sort((a, b) => b.at - a.at);
    for (const old of all.slice(most)) world.drop('notice', old.id);
  }
}
