type Kind = 'setup' | 'join' | 'recover';

/** Where the journey is kept, in this tab only, so that a reload in the midst of it goes on where it was. */
const KEY = 'chatalot.journey';

function kept(): { kind: Kind | null; unfinished: boolean } {
  const [kind, at] = (sessionStorage.getItem(KEY) ?? '').split(' ');
  return { kind: kind === 'setup' || kind === 'join' || kind === 'recover' ? kind : null, unfinished: at === 'last' };
}

/**
 * Where somebody came in. Setup and join go on after the account exists: the recovery key, then inviting people or saying hello. Recover means
 * that the recovery key about to be shown takes the place of an older one.
 */
class Journey {
  #kind = $state<Kind | null>(kept().kind);
  #unfinished = $state(kept().unfinished);
  /** Chosen on the invitation or the sign-in screen instead of what the address says. */
  detour = $state<'login' | 'register' | 'recover' | null>(null);

  /** Decides which steps surround the recovery key. */
  get kind(): Kind | null {
    return this.#kind;
  }
  set kind(kind: Kind | null) {
    this.#kind = kind;
    if (kind === null) this.#unfinished = false;
    this.#keep();
  }

  /** The key is done and the last step is open, although the account could chat already. */
  get unfinished(): boolean {
    return this.#unfinished;
  }
  set unfinished(unfinished: boolean) {
    this.#unfinished = unfinished;
    this.#keep();
  }

  /** Everything is done: the chat may open. */
  finish(): void {
    this.kind = null;
    this.detour = null;
  }

  #keep(): void {
    if (this.#kind === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, `${this.#kind} ${this.#unfinished ? 'last' : 'key'}`);
  }
}

export const journey = new Journey();
