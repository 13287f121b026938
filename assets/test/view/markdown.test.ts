import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORMAT_LIMIT, isEmojiOnly, oneLine, parse, safeHref, type Block, type Inline } from '../../src/view/chat/lib/markdown.ts';

const KINDS = new Set(['text', 'at', 'strong', 'em', 'del', 'code', 'link', 'br', 'para', 'quote', 'list']);

/** Every node of a tree, blocks and inlines alike. */
function* nodes(blocks: readonly (Block | Inline)[]): Generator<Block | Inline> {
  for (const block of blocks) {
    yield block;
    if (block.kind === 'list') for (const item of block.items) yield* nodes(item);
    else if ('kids' in block) yield* nodes(block.kids);
  }
}

const kindsIn = (text: string) => [...nodes(parse(text))].map((node) => node.kind);
const para = (...kids: Inline[]): Block => ({ kind: 'para', kids });
const plain = (text: string): Inline => ({ kind: 'text', text });

test('formats what the chat offers', () => {
  assert.deepEqual(parse('a **b** *c* ~~d~~ `e`'), [
    para(plain('a '), { kind: 'strong', kids: [plain('b')] }, plain(' '), { kind: 'em', kids: [plain('c')] }, plain(' '), { kind: 'del', kids: [plain('d')] }, plain(' '), { kind: 'code', text: 'e' }),
  ]);
  assert.deepEqual(parse('one\ntwo'), [para(plain('one'), { kind: 'br' }, plain('two'))]);
  assert.deepEqual(parse('> quoted'), [{ kind: 'quote', kids: [para(plain('quoted'))] }]);
  assert.deepEqual(parse('- a\n- b'), [{ kind: 'list', start: null, items: [[para(plain('a'))], [para(plain('b'))]] }]);
  assert.deepEqual(parse('3. a'), [{ kind: 'list', start: 3, items: [[para(plain('a'))]] }]);
  assert.deepEqual(parse('```go\nx := 1\n```'), [{ kind: 'code', language: 'go', text: 'x := 1' }]);
  assert.deepEqual(parse('- [x] done'), [{ kind: 'list', start: null, items: [[para(plain('☑ '), plain('done'))]] }]);
});

test('markup is text like any other', () => {
  for (const text of ['<b>bold</b>', '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<!-- c -->', '<div>\n\n**x**\n\n</div>', '&lt;b&gt; &amp;']) {
    const all = [...nodes(parse(text))];
    assert.ok(all.every((node) => KINDS.has(node.kind)), text);
    assert.equal(oneLine(text).includes(text.slice(0, 3)), true, `${text} is shown as typed`);
  }
});

test('what a chat does not need stays as typed', () => {
  for (const text of ['# 1', '---', '[a]: https://example.org', '| a | b |\n|---|---|\n| 1 | 2 |', '    four spaces', 'title\n===']) {
    assert.ok(kindsIn(text).every((kind) => ['para', 'text', 'br', 'link'].includes(kind)), text);
    for (const word of text.split(/\s+/u).filter((one) => one !== '' && !one.includes('http'))) assert.ok(oneLine(text).includes(word), `${word} of ${text} is not lost`);
  }
});

test('only http, https and mailto become links', () => {
  for (const bad of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\nscript:alert(1)', ' javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'blob:https://x/y', '//evil.example', '/c/1', 'https://you:secret@evil.example', 'vbscript:x', '']) {
    assert.equal(safeHref(bad), null, bad);
    assert.ok(!kindsIn(`[x](${bad})`).includes('link'), bad);
    assert.ok(!kindsIn(`![x](${bad})`).includes('link'), bad);
  }
  assert.equal(safeHref('https://example.org/a b'), 'https://example.org/a%20b');
  assert.deepEqual(kindsIn('see https://example.org/x.'), ['para', 'text', 'link', 'text', 'text']);
  assert.ok(kindsIn('write to nora@example.org').includes('link'));
});

test('an image is a link to it, never fetched', () => {
  assert.deepEqual(parse('![a cat](https://example.org/cat.png)'), [para({ kind: 'link', href: 'https://example.org/cat.png', kids: [plain('example.org/cat.png')] })]);
});

test('a link that names another address shows its true one', () => {
  assert.equal(oneLine('[https://bank.example](https://evil.example/login)'), 'evil.example/login');
  assert.equal(oneLine('[bank.example](https://evil.example)'), 'evil.example');
  assert.equal(oneLine('[the bank](https://evil.example)'), 'the bank');
  assert.equal(oneLine('[bank.example/x](https://bank.example/x)'), 'bank.example/x');
});

test('mentions stand apart, except in code, links and addresses', () => {
  assert.deepEqual(parse('@nora, hi'), [para({ kind: 'at', name: 'nora', raw: '@nora' }, plain(', hi'))]);
  assert.deepEqual(parse('ask @nora.lind.'), [para(plain('ask '), { kind: 'at', name: 'nora.lind', raw: '@nora.lind' }, plain('.'))]);
  for (const text of ['`@nora`', 'a@nora', '[@nora](https://example.org)', '@@nora']) assert.ok(!kindsIn(text).includes('at'), text);
});

test('hostile nesting ends as text, in bounded depth', () => {
  const made = ['>'.repeat(5000) + 'x', '- '.repeat(3000) + 'x', '[' .repeat(8000), '*a '.repeat(4000), '**a'.repeat(3000), '`'.repeat(15_000), '![['.repeat(3000), '~~a'.repeat(900), '> - '.repeat(8) + 'x', '_'.repeat(9000), '(['.repeat(4000) + '](x)'.repeat(900)];
  for (const text of made) {
    const depth = (blocks: readonly (Block | Inline)[]): number => Math.max(0, ...blocks.map((b) => 1 + (b.kind === 'list' ? Math.max(0, ...b.items.map(depth)) : 'kids' in b ? depth(b.kids) : 0)));
    assert.ok(depth(parse(text)) <= 24, text.slice(0, 12));
  }
  assert.deepEqual(parse('**x'.repeat(FORMAT_LIMIT)), [para(plain('**x'.repeat(FORMAT_LIMIT)))]);
});

test('no text is lost whatever is typed', () => {
  let seed = 7;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  const bits = ['a', ' ', '\n', '*', '_', '`', '```', '> ', '- ', '1. ', '[', ']', '(', ')', '<b>', '&amp;', '@nora', 'https://x.org', '~~', '#', '|', '\\', '!', ':', 'é', '👍'];
  for (let round = 0; round < 2000; round++) {
    const text = Array.from({ length: random(24) }, () => bits[random(bits.length)]).join('');
    const all = [...nodes(parse(text))];
    assert.ok(all.every((node) => KINDS.has(node.kind)), JSON.stringify(text));
    const letters = (from: string) => (from.match(/[aé👍]/gu) ?? []).sort().join('');
    const shown = all.map((node) => ('text' in node ? node.text : node.kind === 'at' ? node.raw : ''));
    const languages = all.map((node) => ('language' in node ? node.language : ''));
    assert.equal(letters([...shown, ...languages].join('')), letters(text), JSON.stringify(text));
  }
});

test('a preview is one line without formatting', () => {
  assert.equal(oneLine('**Hi**\n\n- a\n- b\n\n> c'), 'Hi a, b c');
  assert.equal(oneLine('x'.repeat(300), 10), `${'x'.repeat(9)}…`);
});

test('a few emoji alone are shown large', () => {
  for (const text of ['👍', '❤️ 😂', '👨‍👩‍👧‍👦', '🇸🇪']) assert.ok(isEmojiOnly(text), text);
  for (const text of ['', ' ', '1', '#', 'a👍', '👍'.repeat(7)]) assert.ok(!isEmojiOnly(text), text);
});
