import KeyRound from '@lucide/svelte/icons/key-round';
import Lock from '@lucide/svelte/icons/lock';
import LockOpen from '@lucide/svelte/icons/lock-open';
import Pause from '@lucide/svelte/icons/pause';
import Play from '@lucide/svelte/icons/play';
import ShieldCheck from '@lucide/svelte/icons/shield-check';
import { app } from '../../model/app.svelte.ts';
import type { Admin, AdminPerson } from '../../model/types.ts';
import { openDialog } from '../dialogs/open.svelte.ts';
import { confirmed } from '../pages/confirm.svelte.ts';
import { attempt } from '../parts/failure.ts';
import type { MenuItem } from '../parts/Menu.svelte';

interface Host {
  admin(): Admin;
  changed(person: AdminPerson): void;
  linked(person: AdminPerson, made: { url: string; expiresAt: number }): void;
}

/** What an admin can do about somebody. Whatever takes something from a person asks first and says what it means. */
export function actionsFor(one: AdminPerson, host: Host): MenuItem[] {
  const items: MenuItem[] = [];
  const name = one.person.name;
  const id = one.person.id;
  const act = async (ask: () => Promise<AdminPerson>, done: string): Promise<void> => {
    host.changed(await confirmed(ask));
    app.toast(done);
  };
  const now = (ask: () => Promise<AdminPerson>, done: string): void => void attempt(() => act(ask, done));
  if (one.lockedUntil > Date.now()) {
    items.push({ label: 'End the lock by wrong guesses', icon: LockOpen, run: () => now(() => host.admin().unlock(id), `${name} can try again.`) });
  }
  if (one.state === 'active' || one.state === 'locked') {
    items.push({ label: 'Make a reset link', icon: KeyRound, run: () => askReset(one, false, host) });
    if (one.twoStep) items.push({ label: 'Reset link, codes off too', icon: KeyRound, run: () => askReset(one, true, host) });
  }
  if (one.person.isMe) return items;
  if (one.state === 'active') {
    items.push({
      label: one.admin ? 'Take back admin' : 'Make admin',
      icon: ShieldCheck,
      run: () => now(() => host.admin().setAdmin(id, !one.admin), one.admin ? `${name} is a member now.` : `${name} looks after this place now.`),
    });
    items.push({
      label: 'Lock sign-in',
      icon: Lock,
      apart: true,
      run: () =>
        ask(
          `Lock the sign-in of ${name}?`,
          `Nobody can sign in as ${name} until you unlock it. Where ${name} is signed in now, everything goes on.`,
          'Lock sign-in',
          () => act(() => host.admin().setState(id, 'locked'), `Nobody can sign in as ${name} now.`),
        ),
    });
  }
  if (one.state === 'locked') {
    items.push({ label: 'Unlock sign-in', icon: LockOpen, apart: true, run: () => now(() => host.admin().setState(id, 'active'), `${name} can sign in again.`) });
  }
  if (one.state === 'suspended') {
    items.push({ label: 'Bring back', icon: Play, run: () => now(() => host.admin().setState(id, 'active'), `${name} is back.`) });
  } else {
    items.push({
      label: 'Pause account',
      icon: Pause,
      danger: true,
      run: () =>
        ask(
          `Pause the account of ${name}?`,
          `${name} is signed out everywhere at once, can read nothing new, and nobody can write to them. What they have read already stays on their devices. You can bring them back.`,
          'Pause account',
          () => act(() => host.admin().setState(id, 'suspended'), `The account of ${name} is paused.`),
        ),
    });
  }
  return items;
}

function ask(title: string, body: string, action: string, run: () => Promise<void>): void {
  openDialog({ kind: 'confirm', title, body, action, keep: 'Leave it as it is', run });
}

function askReset(one: AdminPerson, codesToo: boolean, host: Host): void {
  const name = one.person.name;
  const start = `With the link, ${name} chooses a new password. You do not learn it, and it opens no messages: on a new device those need the recovery key.`;
  const codes = codesToo
    ? ' Two-step codes are switched off when it is used: only for somebody who has lost the authenticator app and the backup codes.'
    : one.twoStep
      ? ' Two-step codes go on, so the authenticator app or a backup code is still needed.'
      : '';
  openDialog({
    kind: 'confirm',
    title: `A reset link for ${name}?`,
    body: start + codes,
    action: 'Make the link',
    keep: 'Not now',
    run: async () => host.linked(one, await confirmed(() => host.admin().resetLink(one.person.id, codesToo))),
  });
}
