/** The emoji a person can pick from. The data (about 60 KB compressed) is loaded the first time somebody asks for it. */
import { rank } from './fuzzy.ts';

export interface Emoji {
  readonly char: string;
  readonly label: string;
  /** Shortcodes without their colons, the best known first. */
  readonly codes: readonly string[];
  readonly tags: readonly string[];
  readonly group: number;
}

/** The headings of the picker, by group number in the data. Group 2 holds parts such as skin tones, which nobody picks. */
export const GROUPS: readonly { readonly id: number; readonly name: string; readonly sign: string }[] = [
  { id: 0, name: 'Smileys', sign: '😀' },
  { id: 1, name: 'People', sign: '👋' },
  { id: 3, name: 'Animals and nature', sign: '🌿' },
  { id: 4, name: 'Food and drink', sign: '🍎' },
  { id: 5, name: 'Travel and places', sign: '🏠' },
  { id: 6, name: 'Activities', sign: '⚽' },
  { id: 7, name: 'Objects', sign: '💡' },
  { id: 8, name: 'Symbols', sign: '✅' },
  { id: 9, name: 'Flags', sign: '🏁' },
];

/** The whole set, and the way from a shortcode to its emoji. */
export interface EmojiSet {
  readonly all: readonly Emoji[];
  readonly byCode: ReadonlyMap<string, string>;
  readonly byChar: ReadonlyMap<string, Emoji>;
}

/** One entry of the data, as far as it is used. */
export interface Entry {
  readonly hexcode: string;
  readonly label: string;
  readonly unicode: string;
  readonly group?: number;
  readonly order?: number;
  readonly tags?: readonly string[];
}

/** Puts entries and their shortcodes together. */
export function buildSet(entries: readonly Entry[], codes: Readonly<Record<string, string | readonly string[]>>): EmojiSet {
  const all = entries
    .filter((entry) => entry.group !== undefined && entry.group !== 2)
    .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
    .map((entry) => ({ char: entry.unicode, label: entry.label, codes: [codes[entry.hexcode] ?? []].flat(), tags: entry.tags ?? [], group: entry.group ?? 0 }));
  const byCode = new Map(all.flatMap((emoji) => emoji.codes.map((code) => [code, emoji.char] as const)));
  return { all, byCode, byChar: new Map(all.map((emoji) => [emoji.char, emoji])) };
}

let loading: Promise<EmojiSet> | null = null;

/** Loads the set once; a failed attempt is made anew by the next caller. */
export function loadEmoji(): Promise<EmojiSet> {
  loading ??= Promise.all([import('emojibase-data/en/compact.json'), import('emojibase-data/en/shortcodes/github.json')])
    .then(([entries, codes]) => buildSet(entries.default as readonly Entry[], codes.default))
    .catch((fault: unknown) => {
      loading = null;
      throw fault;
    });
  return loading;
}

/** Emoji for a few typed letters: shortcodes count first, then labels and tags. */
export function searchEmoji(set: EmojiSet, query: string, limit: number): readonly Emoji[] {
  const words = query.replaceAll('_', ' ');
  const byName = rank(words, set.all, (emoji) => [...emoji.codes, emoji.label].join(' ').replaceAll('_', ' '));
  const close = byName.filter((found) => found.hit.score > 90);
  const tagged = set.all.filter((emoji) => emoji.tags.some((tag) => tag.startsWith(query.toLowerCase())));
  return [...new Set([...close.map((found) => found.one), ...tagged])].slice(0, limit);
}

const RECENT_KEY = 'chatalot.emoji';
const RECENT_MAX = 24;

/** Offered before anybody has picked anything. */
export const STARTERS: readonly string[] = ['👍', '❤️', '😂', '😮', '😢', '🙏'];

/** The emoji picked lately on this device, newest first, filled up with the starters. */
export function recentEmoji(): readonly string[] {
  return [...new Set([...readRecent(), ...STARTERS])].slice(0, RECENT_MAX);
}

/** Remembers a pick. Emoji are no secret, and a browser that forbids storage just forgets them. */
export function rememberEmoji(char: string): void {
  try {
    localStorage.setItem(RECENT_KEY, JSON.stringify([char, ...readRecent().filter((one) => one !== char)].slice(0, RECENT_MAX)));
  } catch {
    /* storage is full or forbidden */
  }
}

function readRecent(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(RECENT_KEY) ?? '[]');
    return Array.isArray(stored) ? stored.filter((one): one is string => typeof one === 'string') : [];
  } catch {
    return [];
  }
}
