const tints = ['fern', 'lake', 'clay', 'plum', 'honey', 'heather', 'moss', 'slate'] as const;

/** The avatar tint of an account, community or channel: the same on every device, because only the id decides (FNV-1a, 32 bits). */
export function tintOf(id: string): string {
  let hash = 0x811c9dc5;
  for (const unit of id) hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 0x01000193);
  return `tint-${tints[(hash >>> 0) % tints.length] ?? 'slate'}`;
}

const segments = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

function firstLetter(word: string): string {
  for (const { segment } of segments.segment(word)) if (/[\p{L}\p{N}]/u.test(segment)) return segment.toLocaleUpperCase();
  return '';
}

/** Up to two letters that stand for a name: first and last word. Whole graphemes, so no script is cut in half. */
export function initialsOf(name: string): string {
  const words = name
    .trim()
    .split(/\s+/u)
    .map(firstLetter)
    .filter((letter) => letter !== '');
  const first = words[0] ?? '';
  return words.length > 1 ? first + (words.at(-1) ?? '') : first;
}
