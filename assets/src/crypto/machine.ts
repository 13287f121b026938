import { StaleCopy, type Change, type Keystore } from './keystore.ts';
import type { Core, CoreModule } from './core.d.ts';

/** What a run of the core commits besides the core's own state. */
export type Also<T> = (result: T) => Promise<readonly Change[]> | readonly Change[];

const nothing = (): readonly Change[] => [];

/**
 * The core together with the store it lives in. Every changing call commits the new state and whatever belongs to it in one transaction
 * before anything leaves this device; calls queue up, so that there is never a second one between a call and its commit.
 */
export class Machine {
  /** For calls that change nothing. */
  readonly core: Core;
  readonly #store: Keystore;
  #last: Promise<unknown> = Promise.resolve();
  #halted: StaleCopy | null = null;

  private constructor(core: Core, store: Keystore) {
    this.core = core;
    this.#store = store;
  }

  static async open(module: CoreModule, store: Keystore): Promise<Machine> {
    return new Machine(module.open(await store.state()), store);
  }

  /**
   * Runs a changing call of the core, commits what it changed together with what also returns, and gives the call's result. When either fails,
   * nothing has happened. strict waits until it is on the disk: for everything that is sent afterwards.
   */
  run<T>(call: (core: Core) => T, also: Also<T> = nothing, strict = false): Promise<T> {
    const turn = this.#last.then(() => this.#run(call, also, strict));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #run<T>(call: (core: Core) => T, also: Also<T>, strict: boolean): Promise<T> {
    if (this.#halted !== null) throw this.#halted;
    try {
      const result = call(this.core);
      const writes = this.core.pending();
      const sealed = await Promise.all(writes.map(({ key, value }) => this.#sealed(key, value)));
      const gen = writes.find(({ key }) => key === 'gen')?.value ?? null;
      await this.#store.commit([...sealed, ...(await also(result))], gen === null ? null : counter(gen), strict);
      if (writes.length > 0) this.core.commit();
      return result;
    } catch (error) {
      if (error instanceof StaleCopy) this.#halted = error;
      if (this.core.pending().length > 0) this.core.discard();
      throw error;
    }
  }

  async #sealed(key: string, value: Uint8Array | null): Promise<Change> {
    return value === null ? { in: 'state', key } : { in: 'state', key, value: await this.#store.sealer.seal(`state/${key}`, value) };
  }
}

function counter(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
}
