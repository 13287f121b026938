/** Which communities and groups are folded in the list pane, remembered on this device. */
import { SvelteSet } from 'svelte/reactivity';
import type { Id } from '../../model/types.ts';

const KEY = 'chatalot.folded';

class Folded {
  readonly #ids = new SvelteSet<Id>(read());

  has(id: Id): boolean {
    return this.#ids.has(id);
  }

  toggle(id: Id): void {
    if (!this.#ids.delete(id)) this.#ids.add(id);
    try {
      localStorage.setItem(KEY, JSON.stringify([...this.#ids]));
    } catch {
      /* storage is forbidden: everything is open next time */
    }
  }
}

function read(): Id[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(stored) ? stored.filter((one): one is Id => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

export const folded = new Folded();
