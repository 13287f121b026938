/**
 * What people write, as a tree of few and harmless node kinds that components draw as text. There is no path from here to HTML: markup in a
 * message is text like any other, images are links, and only http, https and mailto become links at all.
 */
import { Marked, type Token, type Tokens } from 'marked';

export type Inline =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'at'; readonly name: string; readonly raw: string }
  | { readonly kind: 'strong' | 'em' | 'del'; readonly kids: readonly Inline[] }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'link'; readonly href: string; readonly kids: readonly Inline[] }
  | { readonly kind: 'br' };

export type Block =
  | { readonly kind: 'para'; readonly kids: readonly Inline[] }
  | { readonly kind: 'code'; readonly language: string; readonly text: string }
  | { readonly kind: 'quote'; readonly kids: readonly Block[] }
  | { readonly kind: 'list'; readonly start: number | null; readonly items: readonly (readonly Block[])[] };

/** Longer texts are shown as they are: they are logs and pastes, and formatting them would cost more than it gives. In UTF-16 units. */
export const FORMAT_LIMIT = 16_000;

/** Quotes in lists in quotes: deeper ones are shown as they were typed. */
export const DEPTH_LIMIT = 8;

const none = () => undefined;

// What a chat does not need is left out, so that "# 1", "---" and "<b>" stay what they are: text.
const parser = new Marked({ gfm: true, breaks: true });
parser.use({ tokenizer: { heading: none, lheading: none, hr: none, html: none, tag: none, table: none, def: none, code: none, reflink: none } });

/** The blocks of a message's text. Never throws: what cannot be formatted is one plain paragraph. */
export function parse(text: string): readonly Block[] {
  if (text.length > FORMAT_LIMIT || nestsTooDeep(text)) return [plain(text)];
  try {
    const blocks = blocksOf(parser.lexer(text), DEPTH_LIMIT);
    return blocks.length === 0 && text.trim() !== '' ? [plain(text)] : blocks;
  } catch {
    return [plain(text)]; // the parser recurses; a text made to exhaust the stack is shown as it is
  }
}

/** Thousands of ">" or brackets make any Markdown parser slow; nobody writes them by hand. */
function nestsTooDeep(text: string): boolean {
  return /^(?:[ \t]*(?:>|[-*+]|\d+[.)])[ \t]*){10,}/mu.test(text) || /[[*_~]{24,}/u.test(text) || count(text, /[*_[\]~]/gu) > 2000;
}

function count(text: string, what: RegExp): number {
  return text.match(what)?.length ?? 0;
}

function plain(text: string): Block {
  return { kind: 'para', kids: withMentions(text) };
}

function blocksOf(tokens: readonly Token[], depth: number): Block[] {
  return tokens.flatMap((token) => blockOf(token, depth));
}

function blockOf(token: Token, depth: number): Block[] {
  if (token.type === 'space') return [];
  if (token.type === 'code') return [codeBlock(token as Tokens.Code)];
  if (depth <= 0) return [plain(token.raw)];
  if (token.type === 'blockquote') return [{ kind: 'quote', kids: blocksOf((token as Tokens.Blockquote).tokens, depth - 1) }];
  if (token.type === 'list') return [listBlock(token as Tokens.List, depth - 1)];
  return [{ kind: 'para', kids: inlinesOf(token.type === 'checkbox' ? undefined : kidsOf(token), token.raw, depth) }];
}

/** What stands behind the fence is a language when it is one word; anything else somebody wrote there is shown, not swallowed. */
function codeBlock(token: Tokens.Code): Block {
  const info = (token.lang ?? '').trim();
  if (token.text.trim() === '') return plain(token.raw.trimEnd());
  if (/^[\p{L}\p{N}+#.-]{0,24}$/u.test(info)) return { kind: 'code', language: info, text: token.text };
  return { kind: 'code', language: '', text: `${info}\n${token.text}` };
}

function listBlock(token: Tokens.List, depth: number): Block {
  const start = token.ordered ? Number(token.start) : null;
  return { kind: 'list', start, items: token.items.map((item) => itemBlocks(item, depth)) };
}

/** A task's box is text in a message: nobody can tick it. */
function itemBlocks(item: Tokens.ListItem, depth: number): Block[] {
  const blocks = blocksOf(item.tokens.filter((token) => token.type !== 'checkbox'), depth);
  const first = blocks[0];
  if (!item.task || first?.kind !== 'para') return blocks;
  return [{ kind: 'para', kids: [{ kind: 'text', text: item.checked === true ? '☑ ' : '☐ ' }, ...first.kids] }, ...blocks.slice(1)];
}

function kidsOf(token: Token): readonly Token[] | undefined {
  return 'tokens' in token ? token.tokens : undefined;
}

function inlinesOf(tokens: readonly Token[] | undefined, raw: string, depth: number): Inline[] {
  if (tokens === undefined) return withMentions(raw);
  return joined(tokens.flatMap((token) => inlineOf(token, depth)));
}

function inlineOf(token: Token, depth: number): Inline[] {
  if (depth <= 0) return withMentions(token.raw);
  switch (token.type) {
    case 'strong':
    case 'em':
    case 'del':
      return [{ kind: token.type, kids: inlinesOf(kidsOf(token), token.raw, depth - 1) }];
    case 'codespan':
      return [{ kind: 'code', text: (token as Tokens.Codespan).text }];
    case 'br':
      return [{ kind: 'br' }];
    case 'link':
      return link(token as Tokens.Link, depth);
    case 'image':
      return image(token as Tokens.Image);
    case 'escape':
      return [{ kind: 'text', text: (token as Tokens.Escape).text }];
    default:
      return textOf(token, depth);
  }
}

function textOf(token: Token, depth: number): Inline[] {
  const kids = kidsOf(token);
  if (kids !== undefined && kids.length > 0) return inlinesOf(kids, token.raw, depth - 1);
  return withMentions(token.type === 'text' ? (token as Tokens.Text).text : token.raw);
}

/** A link whose words look like another address shows its true one: what one reads is where one goes. */
function link(token: Tokens.Link, depth: number): Inline[] {
  const href = safeHref(token.href);
  if (href === null) return withMentions(token.raw);
  const kids = inlinesOf(token.tokens, token.text, depth - 1).map(withoutMention);
  const words = flatten(kids);
  return [{ kind: 'link', href, kids: misleads(words, href) ? [{ kind: 'text', text: shownAddress(href) }] : kids }];
}

function image(token: Tokens.Image): Inline[] {
  const href = safeHref(token.href);
  return href === null ? withMentions(token.raw) : [{ kind: 'link', href, kids: [{ kind: 'text', text: shownAddress(href) }] }];
}

/** The address a link may lead to, or null: http, https and mailto, without a name and password in it. */
export function safeHref(href: string): string | null {
  const url = urlOf(href);
  if (url === null || !['http:', 'https:', 'mailto:'].includes(url.protocol)) return null;
  if (url.username !== '' || url.password !== '') return null;
  return url.protocol === 'mailto:' || url.hostname !== '' ? url.href : null;
}

function shownAddress(href: string): string {
  return href.replace(/^(?:https?:\/\/|mailto:)/u, '').replace(/\/$/u, '');
}

function misleads(words: string, href: string): boolean {
  if (href.startsWith('mailto:')) return words.includes('@') && !href.toLowerCase().includes(words.trim().toLowerCase());
  const named = /^\s*(?:https?:\/\/)?((?:[\p{L}\p{N}-]+\.)+\p{L}{2,})(?=$|[\s/:?#])/iu.exec(words)?.[1];
  if (named === undefined) return false;
  const host = urlOf(`http://${named}`)?.hostname;
  return host !== undefined && host !== urlOf(href)?.hostname;
}

function urlOf(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function withoutMention(node: Inline): Inline {
  return node.kind === 'at' ? { kind: 'text', text: node.raw } : node;
}

/** Splits "@name" off; whether there is such a person is for whoever draws it. */
function withMentions(text: string): Inline[] {
  const out: Inline[] = [];
  let from = 0;
  for (const found of text.matchAll(/(?<![\p{L}\p{N}@/._-])@([\p{L}\p{N}](?:[\p{L}\p{N}._-]{0,62}[\p{L}\p{N}])?)/gu)) {
    if (found.index > from) out.push({ kind: 'text', text: text.slice(from, found.index) });
    out.push({ kind: 'at', name: found[1] ?? '', raw: found[0] });
    from = found.index + found[0].length;
  }
  if (from < text.length) out.push({ kind: 'text', text: text.slice(from) });
  return out;
}

/** Neighbouring text becomes one node: fewer nodes to draw. */
function joined(nodes: readonly Inline[]): Inline[] {
  const out: Inline[] = [];
  for (const node of nodes) {
    const last = out.at(-1);
    if (node.kind === 'text' && last?.kind === 'text') out[out.length - 1] = { kind: 'text', text: last.text + node.text };
    else out.push(node);
  }
  return out;
}

function flatten(nodes: readonly Inline[]): string {
  return nodes.map(flattenOne).join('');
}

function flattenOne(node: Inline): string {
  if (node.kind === 'br') return ' ';
  if (node.kind === 'at') return node.raw;
  return 'kids' in node ? flatten(node.kids) : node.text;
}

/** A message in one line without its formatting: for quotes, previews and screen readers. length in UTF-16 units. */
export function oneLine(text: string, length = 160): string {
  const line = parsed(text.slice(0, 2000)).map(lineOf).join(' ').replace(/\s+/gu, ' ').trim();
  return line.length <= length ? line : `${[...line].slice(0, length - 1).join('')}…`;
}

function lineOf(block: Block): string {
  if (block.kind === 'para') return flatten(block.kids);
  if (block.kind === 'code') return block.text;
  if (block.kind === 'quote') return block.kids.map(lineOf).join(' ');
  return block.items.map((item) => item.map(lineOf).join(' ')).join(', ');
}

const cache = new Map<string, readonly Block[]>();
const CACHED = 500;

/** As parse, remembering the latest texts: a row that scrolls back into view costs nothing. */
export function parsed(text: string): readonly Block[] {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const blocks = parse(text);
  if (cache.size >= CACHED) for (const key of [...cache.keys()].slice(0, CACHED / 2)) cache.delete(key);
  cache.set(text, blocks);
  return blocks;
}

const onlyEmoji = new RegExp('^(?:\\p{RGI_Emoji}|\\s)+$', 'v');
const oneEmoji = new RegExp('\\p{RGI_Emoji}', 'gv');

/** Up to six emoji and nothing else are shown large. */
export function isEmojiOnly(text: string): boolean {
  if (text.length > 100 || text.trim() === '' || /^[\d#*\s]+$/u.test(text) || !onlyEmoji.test(text)) return false;
  return (text.match(oneEmoji)?.length ?? 0) <= 6;
}
