import type { AuditEntry } from '../../model/types.ts';
import { dayNumber, listTime } from '../chat/lib/times.ts';

/** A part of a sentence; strong parts are names. */
export interface Part {
  readonly text: string;
  readonly strong: boolean;
}

// {a} is who did it, {u} to whom. What stands in brackets is left out when the same person is both.
const sentences: Record<string, string> = {
  set_up: '{a} set this place up',
  registered: '{a} joined',
  signed_in: '{a} signed in',
  sign_in_failed: 'A wrong guess at the sign-in of {u}',
  locked_by_guessing: 'The sign-in of {u} was locked after too many wrong guesses',
  signed_out: '{a} signed out',
  session_ended: '{a} signed out another device of theirs',
  refresh_reused: 'A copied session of {u} was ended',
  password_changed: '{a} changed their password',
  password_recovered: '{a} chose a new password with their recovery key',
  password_reset: '{a} chose a new password by a reset link',
  recovery_key_changed: '{a} has a new recovery key',
  two_step_on: '{a} switched two-step codes on',
  two_step_off: '{a} switched two-step codes off[ for {u}]',
  backup_codes_made: '{a} made new backup codes',
  backup_code_used: '{a} signed in with a backup code',
  passkey_added: '{a} added a passkey',
  passkey_removed: '{a} removed a passkey',
  account_deleted: '{a} deleted their account',
  user_locked: '{a} locked the sign-in of {u}',
  user_unlocked: '{a} unlocked the sign-in of {u}',
  user_suspended: '{a} paused the account of {u}',
  user_restored: '{a} brought the account of {u} back',
  role_changed: '{a} changed the role of {u}',
  reset_link_made: '{a} made a reset link for {u}',
  invite_made: '{a} made an invitation',
  invite_revoked: '{a} withdrew an invitation',
  registration_changed: '{a} changed who may join',
  owner_changed: '{a} handed a community over to {u}',
  keys_rotated: '{a} renewed the signing key',
  keys_revoked: '{a} signed everybody out',
};

/** What an entry of the audit log tells, as a sentence in parts. An act this app does not know yet is shown by its name. */
export function sentence(entry: AuditEntry): readonly Part[] {
  const own = entry.user === '' || entry.user === entry.actor;
  const template = (sentences[entry.what] ?? `{a}: ${entry.what.replaceAll('_', ' ')}`).replace(/\[([^\]]*)\]/, own ? '' : '$1');
  const names: Record<string, string> = { '{a}': known(entry.actor || entry.user) || 'The console', '{u}': known(entry.user) || 'somebody' };
  return template.split(/(\{[au]\})/).filter((text) => text !== '').map((text) => {
    const name = names[text];
    return name === undefined ? { text, strong: false } : { text: name, strong: true };
  });
}

/** A sign-in name as people know it; that of a deleted account is its id after a ~, which no sign-in name has. */
function known(username: string): string {
  return username.startsWith('~') ? 'Deleted account' : username;
}

const bytesFormat = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** "38.2 GB": decimal, as disks are sold. */
export function sizeWords(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${bytesFormat.format(value)} ${units[unit] ?? ''}`;
}

/** "One thing wants", "Three things want". */
export function attentionWords(count: number): string {
  if (count === 0) return 'Nothing wants your attention.';
  const words = ['One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine'];
  const number = words[count - 1] ?? count.toLocaleString();
  return count === 1 ? `${number} thing wants your attention.` : `${number} things want your attention.`;
}

/** "Now", "In the last hour", "3 hours ago", "Yesterday" … The place tells it to the hour only. */
export function seenWords(at: number, now: number = Date.now()): string {
  if (at === 0) return 'Not signed in';
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 5) return 'Now';
  if (minutes < 60) return 'In the last hour';
  const hours = Math.floor(minutes / 60);
  if (hours < 12 && dayNumber(at) === dayNumber(now)) return hours === 1 ? '1 hour ago' : `${hours} hours ago`;
  return listTime(at, now);
}
