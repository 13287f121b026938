import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, isEmoji, longestText, mentionsIn, type Content } from '../../src/model/content.ts';

const id = (letter: string): string => letter.repeat(22);
const bytes = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));

test('every kind of content survives the way there and back', () => {
  const all: Content[] = [
    { type: 'text', text: 'Soup at seven?', mentions: [id('a')], reply_to: id('b') },
    { type: 'text', text: '🍲', mentions: [] },
    { type: 'edit', target: id('b'), text: 'Soup at eight', mentions: [] },
    { type: 'delete', target: id('b') },
    { type: 'react', target: id('b'), emoji: '👍🏽', on: true },
    { type: 'key_request', device: id('d') },
    { type: 'session' },
  ];
  for (const one of all) assert.deepEqual(decode(encode(one)), one);
});

test('what is out of shape is unknown, never an exception', () => {
  const broken: unknown[] = [
    null, 1, 'text', [], {}, { type: 'text' }, { type: 'text', text: 7 }, { type: 'text', text: '  \n ' }, { type: 'text', text: 'x'.repeat(longestText + 1) },
    { type: 'edit', target: 'short', text: 'x' }, { type: 'delete', target: `${id('a')}x` }, { type: 'react', target: id('a'), emoji: 'abc', on: true },
    { type: 'react', target: id('a'), emoji: '👍' }, { type: 'key_request' }, { type: 'poll', text: 'new' }, { type: '__proto__' },
  ];
  for (const one of broken) assert.deepEqual(decode(bytes(one)), { type: 'unknown' }, JSON.stringify(one));
  assert.deepEqual(decode(new Uint8Array([0xff, 0xfe])), { type: 'unknown' });
  assert.deepEqual(decode(new TextEncoder().encode('{"type":')), { type: 'unknown' });
});

test('a malformed reply or mention costs only itself', () => {
  assert.deepEqual(decode(bytes({ type: 'text', text: 'hi', reply_to: 'no id', mentions: [id('a'), 3, id('a'), '<b>'] })), { type: 'text', text: 'hi', mentions: [id('a')] });
  assert.deepEqual(decode(bytes({ type: 'text', text: 'hi', mentions: 'all' })), { type: 'text', text: 'hi', mentions: [] });
});

test('a reaction is one emoji and carries neither words nor markup', () => {
  for (const good of ['👍', '❤️', '👩‍👩‍👧‍👦', '🇩🇪', '1️⃣', '🏴󠁧󠁢󠁷󠁬󠁳󠁿']) assert.ok(isEmoji(good), good);
  for (const bad of ['', 'a', 'ok 👍', '<b>', '5', '👍'.repeat(30), 3, null]) assert.ok(!isEmoji(bad), String(bad));
});

test('mentions are names of people who are there, outside code and addresses', () => {
  const people = [{ id: '1', username: 'nora' }, { id: '2', username: 'tomas.b' }, { id: '3', username: 'ida' }];
  assert.deepEqual(mentionsIn('Hello @nora and @Tomas.B.', people), ['1', '2']);
  assert.deepEqual(mentionsIn('ask @nora.', people), ['1']);
  assert.deepEqual(mentionsIn('`@nora` and ```\n@ida\n``` but @tomas.b', people), ['2']);
  assert.deepEqual(mentionsIn('nora@ida.example, foo@nora, @noram, //@ida', people), []);
  assert.deepEqual(mentionsIn('@ida @ida (@ida)', people), ['3']);
});
