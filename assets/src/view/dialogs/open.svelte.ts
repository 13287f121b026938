import type { Id } from '../../model/types.ts';

/** A question whose answer cannot be undone: names what is lost, the safe choice has the focus. */
export interface Question {
  kind: 'confirm';
  title: string;
  body: string;
  /** The verb on the button that does it, e.g. "Delete channel". */
  action: string;
  /** The verb that leaves everything as it is, e.g. "Keep it". */
  keep: string;
  /** Must be typed first, e.g. the name of a community that is deleted. */
  typed?: string;
  run: () => Promise<unknown>;
}

/** Every dialog there is. Dialogs may lie over one another, e.g. a question over the details it came from. */
export type DialogRequest =
  | { kind: 'new-community' }
  | { kind: 'community'; communityId: Id }
  | { kind: 'new-group'; communityId: Id }
  | { kind: 'rename-group'; groupId: Id }
  | { kind: 'new-channel'; communityId: Id; groupId?: Id }
  | { kind: 'channel'; conversationId: Id }
  | { kind: 'add-people'; conversationId: Id }
  | { kind: 'new-message' }
  | { kind: 'invite'; communityId: Id }
  | { kind: 'account' }
  | { kind: 'recovery-key' }
  | { kind: 'shortcuts' }
  | Question;

interface OpenDialog {
  readonly id: number;
  readonly request: DialogRequest;
}

class Dialogs {
  #open = $state.raw<readonly OpenDialog[]>([]);
  #count = 0;

  /** From the lowest to the one on top. */
  get all(): readonly OpenDialog[] {
    return this.#open;
  }

  open(request: DialogRequest): void {
    this.#open = [...this.#open, { id: ++this.#count, request }];
  }

  close(id: number): void {
    this.#open = this.#open.filter((one) => one.id !== id);
  }

  /** E.g. on signing out. */
  closeAll(): void {
    this.#open = [];
  }
}

export const dialogs = new Dialogs();

/** Opens a dialog over whatever is there. */
export function openDialog(request: DialogRequest): void {
  dialogs.open(request);
}
