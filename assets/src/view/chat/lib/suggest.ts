/** What the composer can complete at the caret: @names and :shortcodes:. */

/** The word being typed: from is where its sign stands, query what follows the sign. */
export interface Trigger {
  readonly sign: '@' | ':';
  readonly from: number;
  readonly query: string;
}

/** The trigger the caret stands in, or null. A sign counts at the start of a word; a shortcode asks for two letters, so that ":-)" and "at 8:30" stay. */
export function triggerAt(text: string, caret: number): Trigger | null {
  const found = /(?:^|[\s([{"'])([@:])([\p{L}\p{N}_.+-]*)$/u.exec(text.slice(Math.max(0, caret - 64), caret));
  const sign = found?.[1];
  const query = found?.[2] ?? '';
  if (sign !== '@' && sign !== ':') return null;
  if (sign === ':' && !/^[\p{L}+]/u.test(query)) return null;
  if (sign === ':' && query.length < 2) return null;
  return { sign, from: caret - query.length - 1, query };
}

/** Puts a completion in place of the trigger; a space follows unless there is one already. Returns the text and where the caret goes. */
export function complete(text: string, trigger: Trigger, insert: string): { text: string; caret: number } {
  const end = trigger.from + 1 + trigger.query.length;
  const space = /^\s/u.test(text.slice(end)) ? '' : ' ';
  const head = text.slice(0, trigger.from) + insert;
  return { text: head + space + text.slice(end), caret: head.length + 1 };
}

/** Puts text at the caret, over the selection. */
export function insertAt(text: string, start: number, end: number, insert: string): { text: string; caret: number } {
  return { text: text.slice(0, start) + insert + text.slice(end), caret: start + insert.length };
}

/** Replaces every :shortcode: outside of code by its emoji; what is not one stays as typed. */
export function convertShortcodes(text: string, emojiOf: (code: string) => string | undefined): string {
  return text.replace(/(`{3}[\s\S]*?(?:`{3}|$)|`[^`\n]*`)|(?<![\p{L}\p{N}:]):([a-z0-9_+-]{1,64}):/giu, (whole, code: string | undefined, name: string | undefined) =>
    code !== undefined || name === undefined ? whole : (emojiOf(name.toLowerCase()) ?? whole),
  );
}
