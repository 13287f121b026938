import type { Id, Passkey, SecurityNotice } from '../../model/types.ts';

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

/** The dialogs about one's own account; they come in a chunk of their own. */
export type AccountRequest =
  /** Show that it is you. answer is called once: whether it was shown. */
  | { kind: 'prove'; answer: (proved: boolean) => void }
  | { kind: 'change-password' }
  | { kind: 'two-step-setup'; begun: { secret: string; url: string } }
  | { kind: 'two-step' }
  | { kind: 'backup-codes'; codes: readonly string[] }
  /** Null: a new one. */
  | { kind: 'name-passkey'; passkey: Passkey | null }
  | { kind: 'check-key' }
  | { kind: 'new-key' }
  | { kind: 'not-me'; notice: SecurityNotice }
  | { kind: 'delete-account' };

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
  /** closed is called when the dialog goes, because invitations may have been made in it. */
  | { kind: 'invite'; communityId: Id; closed?: () => void }
  | { kind: 'recovery-key' }
  | { kind: 'shortcuts' }
  | AccountRequest
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
