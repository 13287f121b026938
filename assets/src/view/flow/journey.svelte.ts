/** Where somebody came in. Setup and join go on after the account exists: the recovery key, then inviting people or saying hello. */
class Journey {
  /** Decides which steps surround the recovery key; null after a reload, when only the key itself is left to do. */
  kind = $state<'setup' | 'join' | null>(null);
  /** The key is done and the last step is open, although the account could chat already. */
  unfinished = $state(false);
  /** Chosen on the invitation or the sign-in screen instead of what the address says. */
  detour = $state<'login' | 'register' | null>(null);

  /** Everything is done: the chat may open. */
  finish(): void {
    this.kind = null;
    this.unfinished = false;
    this.detour = null;
  }
}

export const journey = new Journey();
