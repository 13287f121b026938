import type { SecurityNotice } from '../../model/types.ts';

/** "8 backup codes left". */
export function codesLeft(count: number): string {
  if (count === 0) return 'no backup codes left';
  return count === 1 ? '1 backup code left' : `${count} backup codes left`;
}

/** What happened to the account, and what it means. */
interface News {
  readonly fact: string;
  readonly text: string;
  /** No question whether it was oneself. told: it is only to be known. seen: nobody does that on purpose, so it may want an answer. */
  readonly kind?: 'told' | 'seen';
}

// By SecurityNotice.what. A kind this app does not know yet is told in general words.
const news: Readonly<Record<string, News>> = {
  signed_in: { fact: 'A new device signed in.', text: 'Was it you?' },
  refresh_reused: { fact: 'A copied sign-in was ended.', text: 'Somebody used a copy of one of your sign-ins, so it was ended everywhere. Change your password if you do not know how that came about.', kind: 'seen' },
  locked: { fact: 'Your password was locked for a while.', text: 'Somebody guessed wrong too many times.' },
  password_changed: { fact: 'Your password was changed.', text: 'All other devices were signed out.' },
  password_recovered: { fact: 'Your password was reset.', text: 'It was done with your recovery key.' },
  password_reset: { fact: 'Your password was reset.', text: 'It was done with a link from whoever looks after this place.' },
  recovery_key_changed: { fact: 'There is a new recovery key.', text: 'The old one no longer works.' },
  two_step_on: { fact: 'Two-step codes were switched on.', text: '' },
  two_step_off: { fact: 'Two-step codes were switched off.', text: 'The password alone is enough to sign in now.' },
  backup_codes_made: { fact: 'New backup codes were made.', text: 'The old ones no longer work.' },
  passkey_added: { fact: 'A passkey was added.', text: 'Whoever has it can sign in as you.' },
  passkey_copied: { fact: 'A passkey was refused.', text: 'It looks like a copy: it counts its uses, and the count went back. Remove it and add a new one.', kind: 'seen' },
  passkey_removed: { fact: 'A passkey was removed.', text: '' },
  reset_link_made: { fact: 'A link to reset your sign-in was made.', text: 'Whoever looks after this place made it.' },
  recovery_key_unchanged: { fact: 'You still have your old recovery key.', text: 'A new one was due, and did not come to be. The old one works as before.', kind: 'told' },
  role_changed: { fact: 'What you may do in this place changed.', text: 'Whoever looks after it did that.', kind: 'told' },
};

/** The words for a notice. */
export function newsOf(notice: SecurityNotice): News {
  return news[notice.what] ?? { fact: 'Something about your account changed.', text: '' };
}

/** The one to tell of first: the newest. */
export function newestNews(notices: readonly SecurityNotice[]): SecurityNotice | undefined {
  return notices.reduce<SecurityNotice | undefined>((newest, one) => (newest === undefined || one.at > newest.at ? one : newest), undefined);
}
