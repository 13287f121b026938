import type { Failure } from '../../model/types.ts';
import { asFailure } from '../parts/failure.ts';

/** Something a page reads from the place: not there yet, there, or failed with what to say. What was read stays while it is read again. */
export class Loading<T> {
  value = $state.raw<T | null>(null);
  failure = $state<Failure | null>(null);
  busy = $state(false);
  #turn = 0;

  /** Reads anew; the answer of an earlier reading that comes later is dropped. */
  async read(ask: () => Promise<T>): Promise<void> {
    const turn = ++this.#turn;
    this.busy = true;
    try {
      const value = await ask();
      if (turn !== this.#turn) return;
      this.value = value;
      this.failure = null;
    } catch (error) {
      if (turn === this.#turn) this.failure = asFailure(error);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}
