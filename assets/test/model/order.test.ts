import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Row } from '../../src/model/news.ts';
import { mergeRows, withQuotes } from '../../src/model/order.ts';
import { unreadableLine } from '../../src/model/unreadable.ts';

const row = (id: string, order: number, more: Partial<Row> = {}): Row => ({
  conv: 'c', id, order, at: order, sender: 'nora', kind: 'text', text: id, happening: null, code: '', replyTo: null, reactions: [], editedAt: null, deletedBy: null,
  mentionsMe: false, state: null, failure: null, late: false, ...more,
});
const ids = (rows: readonly Row[]): string => rows.map((one) => one.id).join(' ');

test('a window holds each message once, in the order of the place', () => {
  const window = [row('a', 1), row('c', 3), row('mine', 2 ** 52 + 1)];
  assert.equal(ids(mergeRows(window, [row('b', 2), row('d', 4)])), 'a b c d mine');
  assert.equal(ids(mergeRows(window, [row('mine', 2)])), 'a mine c');
  assert.equal(mergeRows(window, [row('a', 1, { text: 'edited' })])[0]?.text, 'edited');
  assert.equal(ids(mergeRows([], [])), '');
});

test('rows that did not change stay the same objects, so that they are not drawn again', () => {
  const window = [row('a', 1), row('b', 2)];
  assert.equal(mergeRows(window, [row('c', 3)])[0], window[0]);
});

test('a quote shows that its message was taken back', () => {
  const window = [row('a', 1), row('b', 2, { replyTo: { id: 'a', author: 'nora', text: 'a', deleted: false } })];
  const quoted = withQuotes(window, [row('a', 1, { text: '', deletedBy: 'nora' })])[1]?.replyTo;
  assert.deepEqual(quoted, { id: 'a', author: 'nora', text: '', deleted: true });
  assert.equal(withQuotes(window, [row('z', 9)]), window);
});

test('a run of unreadable messages is one calm line', () => {
  assert.match(unreadableLine(['no_key']), /no key for this message/);
  assert.match(unreadableLine(['no_key', 'no_key', 'no_key']), /no keys for 3 messages/);
  assert.match(unreadableLine(['no_key', 'bad_signature']), /^2 messages could not be opened/);
  assert.match(unreadableLine(['something_new']), /does not hold up/);
});
