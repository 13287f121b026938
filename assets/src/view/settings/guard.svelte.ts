import { app } from '../../model/app.svelte.ts';
import type { Passkey, Security } from '../../model/types.ts';
import { Loading } from '../pages/load.svelte.ts';
import { openDialog } from '../dialogs/open.svelte.ts';
import { confirmed } from '../pages/confirm.svelte.ts';
import { attempt } from '../parts/failure.ts';

/** How one's account is guarded, shared by the page and the dialogs over it, and what one can do about it. */
class Guard {
  readonly security = new Loading<Security>();

  /** Reads it anew; what was read before stays meanwhile. */
  read(): void {
    void this.security.read(() => app.account.security());
  }

  /** Begins two-step codes: asks for a fresh confirmation first, so that the code is scanned only once. */
  async beginTwoStep(): Promise<void> {
    await attempt(async () => openDialog({ kind: 'two-step-setup', begun: await confirmed(() => app.account.beginTwoStep()) }));
  }

  /** Asks before the codes are switched off. */
  askEndTwoStep(): void {
    openDialog({
      kind: 'confirm',
      title: 'Switch off two-step codes?',
      body: 'Then your password alone is enough to sign in. The backup codes end, and the entry in your authenticator app is of no use any more.',
      action: 'Switch off',
      keep: 'Keep them on',
      run: async () => {
        await confirmed(() => app.account.endTwoStep());
        this.read();
        app.toast('Two-step codes are off.');
      },
    });
  }

  /** Asks, because the old ones end; then shows the new ones. */
  askNewBackupCodes(): void {
    openDialog({
      kind: 'confirm',
      title: 'Make new backup codes?',
      body: 'You get ten new ones. Those you have kept end at once.',
      action: 'Make new codes',
      keep: 'Keep the old ones',
      run: async () => {
        const codes = await confirmed(() => app.account.newBackupCodes());
        this.read();
        openDialog({ kind: 'backup-codes', codes });
      },
    });
  }

  /** Asks before a passkey ends. */
  askRemovePasskey(passkey: Passkey): void {
    openDialog({
      kind: 'confirm',
      title: `Remove the passkey ${passkey.name}?`,
      body: 'You cannot sign in with it any more. Where it is kept it stays until you delete it there.',
      action: 'Remove passkey',
      keep: 'Keep it',
      run: async () => {
        await confirmed(() => app.account.removePasskey(passkey.id));
        this.read();
      },
    });
  }
}

export const guard = new Guard();
