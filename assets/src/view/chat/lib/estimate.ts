/** A guess at the height of a row before it has been drawn, in pixels. Close is enough: rows are measured as soon as they are. */
import type { Row } from './rows.ts';

const LETTERS_A_LINE = 72;

export function estimate(row: Row): number {
  if (row.kind === 'start') return 200;
  if (row.kind !== 'message') return 44;
  const { message, continued } = row;
  const lines = 1 + (message.text.match(/\n/gu)?.length ?? 0) + Math.floor(message.text.length / LETTERS_A_LINE);
  const head = continued ? 5 : 40;
  return head + Math.min(lines, 20) * 23 + (message.reactions.length > 0 ? 34 : 0) + (message.replyTo === null ? 0 : 24);
}
