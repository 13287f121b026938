import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message, Person } from '../../src/model/types.ts';
import { GROUP_GAP, UNREAD_KEY, rowsOf, type Row } from '../../src/view/chat/lib/rows.ts';

const person = (id: string): Person => ({ id, name: id, username: id, presence: 'online', isMe: id === 'me', state: 'active' });
const noon = new Date(2026, 10, 23, 12).getTime();

function message(id: string, author: string, at: number, more: Partial<Message> = {}): Message {
  return { id, conversationId: 'c', author: person(author), at, kind: 'text', text: id, replyTo: null, reactions: [], editedAt: null, deletedBy: null, mentionsMe: false, state: null, failure: null, late: false, ...more };
}

const rows = (messages: Message[], unreadFrom: string | null = null, unreadCount = 0, hasOlder = false) => rowsOf({ messages, hasOlder, unreadFrom, unreadCount });
const shape = (all: Row[]) => all.map((row) => (row.kind === 'message' ? `${row.key}${row.continued ? '+' : ''}${row.continues ? '>' : ''}` : row.kind));

test('messages of one author close in time form a group', () => {
  const all = rows([message('a', 'x', noon), message('b', 'x', noon + GROUP_GAP - 1), message('c', 'x', noon + 2 * GROUP_GAP)]);
  assert.deepEqual(shape(all), ['start', 'day', 'a>', 'b+', 'c']);
});

test('another author, a reply, a webhook or an event breaks the group', () => {
  const quote = { id: 'a', author: person('x'), text: 'a', deleted: false };
  assert.deepEqual(shape(rows([message('a', 'x', noon), message('b', 'y', noon + 1)])), ['start', 'day', 'a', 'b']);
  assert.deepEqual(shape(rows([message('a', 'x', noon), message('b', 'x', noon + 1, { replyTo: quote })])), ['start', 'day', 'a', 'b']);
  for (const kind of ['event', 'webhook', 'unreadable'] as const)
    assert.deepEqual(shape(rows([message('a', 'x', noon), message('b', 'x', noon + 1, { kind }), message('c', 'x', noon + 2)])), ['start', 'day', 'a', 'b', 'c'], kind);
});

test('a new day gets a divider and breaks the group', () => {
  const midnight = new Date(2026, 10, 24).getTime();
  assert.deepEqual(shape(rows([message('a', 'x', midnight - 1000), message('b', 'x', midnight + 1000)])), ['start', 'day', 'a', 'day', 'b']);
});

test('the unread divider says how many and since when', () => {
  const all = rows([message('a', 'x', noon), message('b', 'x', noon + 1000)], 'b', 3);
  assert.deepEqual(shape(all), ['start', 'day', 'a', 'unread', 'b']);
  assert.deepEqual(all[3], { kind: 'unread', key: UNREAD_KEY, news: { count: 3, since: noon } });
});

test('the unread divider merges with the day it falls together with', () => {
  const midnight = new Date(2026, 10, 24).getTime();
  const all = rows([message('a', 'x', midnight - 1), message('b', 'x', midnight)], 'b', 1);
  assert.deepEqual(shape(all), ['start', 'day', 'a', 'day', 'b']);
  assert.deepEqual(all[3], { kind: 'day', key: UNREAD_KEY, at: midnight, news: { count: 1, since: midnight - 1 } });
});

test('the first row after a divider knows it', () => {
  const all = rows([message('a', 'x', noon), message('b', 'y', noon + 1), message('c', 'y', noon + 2)], 'c', 1);
  assert.deepEqual(all.flatMap((row) => (row.kind === 'message' ? [row.first] : [])), [true, false, true]);
});

test('the beginning shows only when there is nothing older', () => {
  assert.deepEqual(shape(rows([message('a', 'x', noon)], null, 0, true)), ['day', 'a']);
  assert.deepEqual(shape(rows([])), ['start']);
});

test('keys are unique over days', () => {
  const all = rows(Array.from({ length: 500 }, (_, i) => message(String(i), 'x', noon + i * 3_600_000)), '250', 250);
  assert.equal(new Set(all.map((row) => row.key)).size, all.length);
});
