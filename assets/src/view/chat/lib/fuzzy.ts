/** Finding things by a few letters of their name. */

/** A hit: higher is better; at are the positions in the text that matched, rising. */
export interface Hit {
  readonly score: number;
  readonly at: readonly number[];
}

/** Case and accents do not matter: "ines" finds "Inés". Keeps the length, so that positions stay true. */
export function fold(text: string): string {
  return Array.from(text.normalize('NFC'), foldOne).join('');
}

function foldOne(letter: string): string {
  const plain = letter.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase('en');
  return plain.length === letter.length ? plain : letter;
}

/** Whether the letters of query appear in text in this order, and how well: at its start, at the starts of words, together. Null when they do not. */
export function match(query: string, text: string): Hit | null {
  const needle = fold(query).replace(/\s+/gu, '');
  if (needle === '') return { score: 0, at: [] };
  const hay = fold(text);
  const together = hay.indexOf(needle);
  if (together >= 0) return run(hay, bestRun(hay, needle, together), needle.length);
  return scattered(needle, hay);
}

function bestRun(hay: string, needle: string, first: number): number {
  for (let i = first; i >= 0; i = hay.indexOf(needle, i + 1)) if (startsWord(hay, i)) return i;
  return first;
}

function run(hay: string, from: number, length: number): Hit {
  const at = Array.from({ length }, (_, i) => from + i);
  const place = from === 0 ? 60 : startsWord(hay, from) ? 40 : 20;
  return { score: 100 + place + (hay.length === length ? 20 : 0) - Math.min(hay.length, 40) / 4, at };
}

function scattered(needle: string, hay: string): Hit | null {
  const at: number[] = [];
  let score = 0;
  for (const letter of needle) {
    const next = nextPlace(hay, letter, (at.at(-1) ?? -1) + 1);
    if (next < 0) return null;
    score += startsWord(hay, next) ? 8 : next === (at.at(-1) ?? -2) + 1 ? 5 : 0;
    at.push(...Array.from({ length: letter.length }, (_, i) => next + i));
  }
  return { score: score - Math.min(hay.length, 40) / 4, at };
}

/** The start of a word is worth skipping letters for. */
function nextPlace(hay: string, letter: string, from: number): number {
  for (let i = hay.indexOf(letter, from); i >= 0; i = hay.indexOf(letter, i + 1)) if (startsWord(hay, i) || i === from) return i;
  return hay.indexOf(letter, from);
}

function startsWord(hay: string, i: number): boolean {
  return i === 0 || /[\s\-_.#@/]/u.test(hay.charAt(i - 1));
}

/** Pieces of a text, those that matched marked, to draw. */
export function pieces(text: string, at: readonly number[]): { text: string; hit: boolean }[] {
  const hits = new Set(at);
  const out: { text: string; hit: boolean }[] = [];
  const plain = text.normalize('NFC');
  for (let i = 0; i < plain.length; i++) {
    const hit = hits.has(i);
    const last = out.at(-1);
    if (last !== undefined && last.hit === hit) last.text += plain.charAt(i);
    else out.push({ text: plain.charAt(i), hit });
  }
  return out;
}

/** The candidates that match, best first; what has no score keeps its order. */
export function rank<T>(query: string, all: readonly T[], text: (one: T) => string): { one: T; hit: Hit }[] {
  return all
    .flatMap((one) => {
      const hit = match(query, text(one));
      return hit === null ? [] : [{ one, hit }];
    })
    .sort((a, b) => b.hit.score - a.hit.score);
}
