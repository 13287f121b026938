import type { AuditEntry } from '../../model/types.ts';

// A cell that begins like a formula would be run by a spreadsheet program.
const cell = (text: string): string => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

/** The entries as comma-separated values (RFC 4180), for a spreadsheet program. */
export function table(entries: readonly AuditEntry[]): string {
  const rows = entries.map((one) => [new Date(one.at).toISOString(), one.what, one.actor, one.user, one.detail, one.address]);
  return [['at', 'what', 'actor', 'user', 'detail', 'address'], ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}
