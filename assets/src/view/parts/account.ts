/** The shortest password the place takes; the place checks it again. */
export const passwordMinimum = 10;

/** How good a password is, from 0 (too short) to 4, and a word about it. A hint only: length counts most, repetition counts against. */
export function passwordStrength(password: string): { level: 0 | 1 | 2 | 3 | 4; word: string; hint: string } {
  const length = [...password].length;
  if (length === 0)
    return { level: 0, word: 'None', hint: 'At least 10 characters. Three random words are easy to remember and hard to guess.' };
  if (length < passwordMinimum)
    return { level: 1, word: 'Too short', hint: `${passwordMinimum - length} more to go. Three random words are easy to remember.` };
  const distinct = new Set(password.toLowerCase()).size;
  if (distinct < 5 || /^(?:password|passwort|1234567|qwert)/i.test(password))
    return { level: 2, word: 'Weak', hint: 'Easy to guess. Add a word or two that have nothing to do with each other.' };
  if (length < 14) return { level: 3, word: 'Good', hint: 'Good. One more word makes it very good.' };
  return { level: 4, word: 'Very good', hint: 'Very good. Long beats complicated.' };
}

/** Letters that no decomposition turns into ASCII. */
const spelled: Record<string, string> = { ß: 'ss', ø: 'o', æ: 'ae', œ: 'oe', ł: 'l', đ: 'd', þ: 'th', ı: 'i' };

/**
 * A sign-in name to start from: the first word of a name in lower-case ASCII letters and digits, all words when it is shorter than the three
 * characters a sign-in name needs, or nothing when there are too few.
 */
export function suggestUsername(displayName: string): string {
  const ascii = [...displayName.toLowerCase()]
    .map((letter) => spelled[letter] ?? letter)
    .join('')
    .normalize('NFKD');
  const words = ascii
    .split(/\s+/u)
    .map((word) => word.replace(/[^a-z0-9]/gu, ''))
    .filter((word) => word !== '');
  const first = words[0] ?? '';
  const name = (first.length < 3 ? words.join('') : first).slice(0, 32);
  return name.length < 3 ? '' : name;
}

/** A sign-in name as the place knows it, however it was typed. */
export function plainUsername(typed: string): string {
  return typed.normalize('NFKC').trim().toLowerCase();
}

/** What is wrong with a new password, or null: the rule of the place, said before it is asked. */
export function passwordProblem(password: string): string | null {
  if ([...password].length < passwordMinimum) return `Use at least ${passwordMinimum} characters.`;
  return new TextEncoder().encode(password).length > 128 ? 'That is too long. Use at most 128 characters.' : null;
}

/** What is wrong with a sign-in name, or null: the rule of the place, said before it is asked. */
export function usernameProblem(username: string): string | null {
  const plain = plainUsername(username);
  if (plain.length < 3 || plain.length > 32) return 'Use 3 to 32 characters.';
  if (!/^[a-z0-9_.-]+$/.test(plain)) return 'Use small letters a to z, digits, dots, dashes and underscores.';
  return null;
}
