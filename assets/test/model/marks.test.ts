import assert from 'node:assert/strict';
import { test } from 'node:test';
import { look, mayMark, withMark, withoutMark, type Body, type Mark } from '../../src/model/marks.ts';

const body: Body = {
  sender: 'nora', device: 'd', at: 1, seq: 1, kind: 'text', text: 'first', replyTo: null, mentions: [], happening: null, code: '', marks: [],
  state: null, failure: null, late: false,
};
const edit = (id: string, seq: number | null, text: string, at = seq ?? 0): Mark => ({ id, by: 'nora', at, seq, what: 'edit', text, mentions: [] });
const react = (id: string, by: string, seq: number | null, on: boolean, emoji = '👍'): Mark => ({ id, by, at: seq ?? 0, seq, what: 'react', emoji, on });
const remove = (id: string, by: string, seq: number | null): Mark => ({ id, by, at: 9, seq, what: 'delete' });
function permutations<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]];
  return list.flatMap((first, i) => permutations(list.toSpliced(i, 1)).map((rest) => [first, ...rest]));
}

const all = (marks: Mark[]): Body => marks.reduce(withMark, body);

test('the look does not depend on the order in which marks arrive', () => {
  const marks = [edit('e1', 2, 'second'), react('r1', 'tomas', 3, true), edit('e2', 4, 'third'), react('r2', 'tomas', 5, false), react('r3', 'ida', 6, true)];
  const expected = look(all(marks));
  assert.equal(expected.text, 'third');
  assert.deepEqual(expected.reactions, [{ emoji: '👍', by: ['ida'] }]);
  for (const order of permutations(marks)) assert.deepEqual(look(all(order)), expected);
});

test('a mark that comes twice counts once', () => {
  assert.deepEqual(all([react('r', 'ida', 2, true), react('r', 'ida', 2, true)]).marks.length, 1);
});

test('an own mark shows at once, finds its place when the place has ordered it, and goes when it failed', () => {
  const waiting = withMark(all([edit('e1', 2, 'second')]), edit('mine', null, 'mine', 50));
  assert.equal(look(waiting).text, 'mine');
  const overtaken = withMark(withMark(waiting, edit('mine', 3, 'mine')), edit('e4', 4, 'newest'));
  assert.equal(look(overtaken).text, 'newest');
  assert.equal(look(withoutMark(waiting, 'mine')).text, 'second');
});

test('an optimistic deletion can be taken off again; an ordered one leaves nothing behind', () => {
  const hidden = withMark(body, remove('x', 'nora', null));
  assert.equal(look(hidden).deletedBy, 'nora');
  assert.equal(look(withoutMark(hidden, 'x')).text, 'first');
  const gone = withMark(all([edit('e', 2, 'second'), react('r', 'ida', 3, true)]), remove('x', 'nora', 4));
  assert.deepEqual([gone.text, gone.marks.length, look(gone).reactions.length], ['', 1, 0]);
  assert.ok(!JSON.stringify(gone).includes('second'));
});

test('authors edit and delete, admins delete, everybody reacts, and only to what somebody wrote', () => {
  assert.ok(mayMark(body, edit('e', 2, 'x'), false));
  assert.ok(!mayMark(body, { ...edit('e', 2, 'x'), by: 'tomas' }, true));
  assert.ok(!mayMark(body, remove('d', 'tomas', 2), false));
  assert.ok(mayMark(body, remove('d', 'tomas', 2), true));
  assert.ok(mayMark(body, react('r', 'tomas', 2, true), false));
  assert.ok(!mayMark({ ...body, kind: 'event' }, react('r', 'tomas', 2, true), true));
  assert.ok(!mayMark({ ...body, kind: 'unreadable' }, remove('d', 'nora', 2), true));
});
