/** What the chat screen shows beyond its data: what lies open on top, whom one replies to, what one edits. */
import type { Community, Id, Message, Person } from '../../model/types.ts';

/** What the chat itself lays over the conversation; forms and questions are dialogs of their own (view/dialogs). At most one is open. */
export type Overlay =
  | { readonly kind: 'switcher' }
  | { readonly kind: 'person'; readonly person: Person }
  | { readonly kind: 'actions'; readonly message: Message }
  | { readonly kind: 'emoji'; readonly message: Message | null; readonly anchor: DOMRect; readonly pick: (char: string) => void }
  | { readonly kind: 'browse'; readonly community: Community };

/** How much room there is: one pane, two, or three. */
export type Room = 'phone' | 'tablet' | 'desktop';

const SIDE_KEY = 'chatalot.side';

class UI {
  overlay = $state.raw<Overlay | null>(null);
  room = $state<Room>('desktop');
  /** The members beside the conversation: remembered on a desktop, a drawer elsewhere. */
  side = $state(false);
  /** The message one is answering or changing, and in which conversation. */
  replying = $state.raw<Message | null>(null);
  editing = $state.raw<Message | null>(null);
  /** Asks the composer to take the focus, and the timeline to go to its end or to a message: each change is one request. */
  composeRequest = $state(0);
  presentRequest = $state(0);
  jumpRequest = $state.raw<{ id: Id; focus: boolean } | null>(null);

  show(overlay: Overlay): void {
    this.overlay = overlay;
  }

  close(): void {
    this.overlay = null;
  }

  reply(message: Message): void {
    this.editing = null;
    this.replying = message;
    this.compose();
  }

  edit(message: Message): void {
    this.replying = null;
    this.editing = message;
    this.compose();
  }

  compose(): void {
    this.composeRequest++;
  }

  jumpTo(id: Id, focus = false): void {
    this.jumpRequest = { id, focus };
  }

  jumpToPresent(): void {
    this.presentRequest++;
  }

  /** Called when another conversation opens: what belonged to the last one goes. */
  reset(): void {
    this.replying = null;
    this.editing = null;
    this.jumpRequest = null;
  }

  setRoom(room: Room): void {
    this.room = room;
    this.side = room === 'desktop' && rememberedSide();
  }

  toggleSide(open = !this.side): void {
    this.side = open;
    if (this.room === 'desktop') rememberSide(open);
  }
}

function rememberedSide(): boolean {
  try {
    return localStorage.getItem(SIDE_KEY) !== 'closed';
  } catch {
    return true;
  }
}

function rememberSide(open: boolean): void {
  try {
    localStorage.setItem(SIDE_KEY, open ? 'open' : 'closed');
  } catch {
    /* storage is forbidden: the pane opens again next time */
  }
}

export const ui = new UI();
