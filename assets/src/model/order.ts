import type { Row } from './news.ts';

/** Puts rows into a window: each id once, the newer copy winning, in the order of the conversation. */
export function mergeRows(window: readonly Row[], rows: readonly Row[]): readonly Row[] {
  const fresh = new Map(rows.map((row) => [row.id, row]));
  const merged = window.map((row) => {
    const newer = fresh.get(row.id);
    fresh.delete(row.id);
    return newer ?? row;
  });
  merged.push(...fresh.values());
  return inOrder(merged) ? merged : merged.sort((a, b) => a.order - b.order);
}

/** What quotes a changed message shows the change too: above all that it was taken back. */
export function withQuotes(window: readonly Row[], changed: readonly Row[]): readonly Row[] {
  const byId = new Map(changed.map((row) => [row.id, row]));
  if (!window.some((row) => row.replyTo !== null && byId.has(row.replyTo.id))) return window;
  return window.map((row) => {
    const target = row.replyTo === null ? undefined : byId.get(row.replyTo.id);
    if (target === undefined || (row.replyTo?.text === target.text && row.replyTo.deleted === (target.deletedBy !== null))) return row;
    return { ...row, replyTo: { id: target.id, author: target.sender, text: target.text.slice(0, 300), deleted: target.deletedBy !== null } };
  });
}

function inOrder(rows: readonly Row[]): boolean {
  return rows.every((row, i) => i === 0 || rows[i - 1]!.order <= row.order);
}
