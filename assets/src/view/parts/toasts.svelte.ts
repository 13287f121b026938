/**
 * Who shows the toasts. A modal dialog makes everything outside itself unreachable, so each dialog brings a place for toasts of its own,
 * and only the newest of these places is in use.
 */
class Stands {
  #open = $state.raw<readonly symbol[]>([]);

  isTop(stand: symbol): boolean {
    return this.#open.at(-1) === stand;
  }

  /** Answers how to take it down again. */
  put(stand: symbol): () => void {
    this.#open = [...this.#open, stand];
    return () => {
      this.#open = this.#open.filter((one) => one !== stand);
    };
  }
}

export const stands = new Stands();
