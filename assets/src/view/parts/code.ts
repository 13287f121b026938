/** How many digits a two-step code has (RFC 6238). */
export const codeLength = 6;

/** The digits of what was typed or pasted, at most six: spaces do not count, and digits of Arabic and Persian keyboards mean the same. */
export function codeDigits(typed: string): string {
  const digits = typed.match(/[0-9\u0660-\u0669\u06f0-\u06f9\uff10-\uff19]/gu) ?? [];
  return digits.map((digit) => (digit.codePointAt(0) ?? 0) & 0xf).slice(0, codeLength).join('');
}
