/** Where one is: which pane a phone shows, and the browser's history behind it. The address of a conversation is /c/<id>, of the list /. */
import { app } from '../../model/app.svelte.ts';
import type { Id } from '../../model/types.ts';
import { places } from './places.svelte.ts';
import { ui } from './ui.svelte.ts';

export type Pane = 'list' | 'talk' | 'side';
export type Tab = 'chats' | 'communities';

interface Entry {
  readonly pane: Pane;
  readonly depth: number;
}

class Nav {
  /** What a phone shows. Wider windows show list and conversation at once. */
  pane = $state<Pane>('list');
  tab = $state<Tab>('chats');
  #id: Id | null = null;
  #wanted: Id | null = null;
  /** Nobody has gone anywhere yet. */
  #fresh = true;

  open(id: Id): void {
    if (app.current?.id !== id) app.openConversation(id);
    else ui.compose();
    if (this.#id === id && this.pane === 'list') this.#push('talk', `/c/${id}`);
    this.pane = 'talk';
  }

  /** One step back, as the browser's own button does it. */
  back(): void {
    if (entry().depth > 0) history.back();
    else this.#list();
  }

  /** The details beside the conversation; on a phone a pane of its own. */
  toggleSide(): void {
    if (ui.room !== 'phone') ui.toggleSide();
    else if (this.pane === 'side') this.back();
    else {
      this.#push('side', location.pathname);
      this.pane = 'side';
    }
  }

  #list(): void {
    history.replaceState({ pane: 'list', depth: 0 } satisfies Entry, '', '/');
    this.pane = 'list';
    app.closeConversation();
  }

  #push(pane: Pane, path: string): void {
    history.pushState({ pane, depth: entry().depth + 1 } satisfies Entry, '', path);
  }

  /** Called whenever another conversation is open, whoever opened it. */
  follow(id: Id | null): void {
    if (id === this.#id) return;
    this.#id = id;
    this.#fresh = false;
    if (id === null) {
      this.pane = 'list';
      if (location.pathname !== '/') history.replaceState({ pane: 'list', depth: 0 } satisfies Entry, '', '/');
      return;
    }
    this.pane = 'talk';
    if (location.pathname !== `/c/${id}`) this.#push('talk', `/c/${id}`);
  }

  /** Goes to the address the page was opened with; on a wide window otherwise to where something happened last. */
  start(): () => void {
    const moved = (event: PopStateEvent) => this.#moved(event.state as Entry | null);
    addEventListener('popstate', moved);
    if (this.#id === null || this.#id !== app.current?.id) this.#arrive();
    return () => removeEventListener('popstate', moved);
  }

  /** Not so when one comes back from a page that lay over the chat: then everything is as it was. */
  #arrive(): void {
    const asked = app.current === null ? idOf(location.pathname) : null;
    const stays = asked !== null && ui.room !== 'phone';
    history.replaceState({ pane: stays ? 'talk' : 'list', depth: 0 } satisfies Entry, '', stays ? location.pathname : '/');
    this.#wanted = asked;
    this.#fresh = true;
  }

  /** Called when the list of conversations changes: the one asked for may be there by now. */
  settle(): void {
    if (!this.#fresh || app.current !== null) return;
    const target = this.#wanted !== null ? places.find(this.#wanted) : ui.room === 'phone' ? undefined : places.lately[0];
    if (target !== undefined) app.openConversation(target.id);
  }

  #moved(to: Entry | null): void {
    this.#fresh = false;
    const id = idOf(location.pathname);
    if (id === null || places.find(id) === undefined) {
      this.#id = null;
      this.pane = 'list';
      app.closeConversation();
      return;
    }
    this.#id = id;
    if (app.current?.id !== id) app.openConversation(id);
    this.pane = to?.pane === 'side' ? 'side' : 'talk';
  }

  /** The next conversation above (-1) or below (1) in the list; with unread only those with news. */
  step(by: 1 | -1, unread: boolean): void {
    const all = places.mine;
    const from = all.findIndex((one) => one.id === app.current?.id);
    for (let i = 1; i <= all.length; i++) {
      const next = all[(from + by * i + all.length * 2) % all.length];
      if (next !== undefined && (!unread || next.unread > 0 || next.mentions > 0)) return this.open(next.id);
    }
  }
}

function entry(): Entry {
  const state = history.state as Partial<Entry> | null;
  return { pane: state?.pane ?? 'list', depth: state?.depth ?? 0 };
}

function idOf(path: string): Id | null {
  return /^\/c\/([A-Za-z0-9_-]+)$/u.exec(path)?.[1] ?? null;
}

export const nav = new Nav();
