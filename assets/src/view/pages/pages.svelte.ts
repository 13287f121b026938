/** Which page lies over the chat, if any: settings, or looking after the place. The address stays that of the chat; the browser's own back button leads out. */
export type Area = 'settings' | 'admin';

/** One open page. */
export interface Page {
  readonly area: Area;
  /** Null: the list of sections on a phone, and the first of them on a wider window. */
  readonly section: string | null;
}

interface Entry extends Page {
  /** How many steps back the chat is. */
  readonly depth: number;
}

class Pages {
  #at = $state.raw<Page | null>(entry());

  constructor() {
    addEventListener('popstate', () => (this.#at = entry()));
  }

  /** Null: the chat itself. */
  get at(): Page | null {
    return this.#at;
  }

  open(area: Area, section: string | null = null): void {
    if (this.#at?.area === area && this.#at.section === section) return;
    const page: Entry = { area, section, depth: (entry()?.depth ?? 0) + 1 };
    history.pushState({ ...(history.state as object | null), page }, '');
    this.#at = page;
  }

  /** One step back, as the browser's own button does it. */
  back(): void {
    if (entry() === null) this.close();
    else history.back();
  }

  /** Back to the chat, past all sections that were opened. */
  leave(): void {
    const depth = entry()?.depth;
    if (depth === undefined) this.close();
    else history.go(-depth);
  }

  /** Nobody is signed in any more: the page is gone without going back. */
  close(): void {
    if (entry() !== null) history.replaceState({ ...(history.state as object), page: undefined }, '');
    this.#at = null;
  }
}

function entry(): Entry | null {
  return (history.state as { page?: Entry } | null)?.page ?? null;
}

export const pages = new Pages();
