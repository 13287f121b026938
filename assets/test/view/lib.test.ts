import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Announcer } from '../../src/view/chat/lib/announce.ts';
import { buildSet, searchEmoji, type Entry } from '../../src/view/chat/lib/emoji.ts';
import { covers, distances, rangeBetween } from '../../src/view/chat/lib/extent.ts';
import { fold, match, pieces, rank } from '../../src/view/chat/lib/fuzzy.ts';
import { complete, convertShortcodes, insertAt, triggerAt } from '../../src/view/chat/lib/suggest.ts';
import { dayLabel, dayNumber, listTime, sinceLabel } from '../../src/view/chat/lib/times.ts';

test('fuzzy match finds letters in order and nothing else', () => {
  assert.deepEqual(match('rp', 'regatta-planning')?.at, [0, 8]);
  assert.deepEqual(match('reg', 'regatta-planning')?.at, [0, 1, 2]);
  assert.deepEqual(match('plan', 'regatta-planning')?.at, [8, 9, 10, 11]);
  assert.equal(match('xyz', 'regatta-planning'), null);
  assert.equal(match('planr', 'plan'), null);
  assert.deepEqual(match('', 'anything'), { score: 0, at: [] });
  assert.deepEqual(match('ines', 'Inés Carvalho')?.at, [0, 1, 2, 3]);
});

test('better matches come first', () => {
  const names = ['old-regatta', 'r-e-g', 'regatta', 'reg', 'barge'];
  assert.deepEqual(rank('reg', names, (name) => name).map((found) => found.one), ['reg', 'regatta', 'old-regatta', 'r-e-g']);
});

test('folding keeps the length, so that marks sit right', () => {
  for (const text of ['Inés', 'STRAẞE', 'İstanbul', 'ﬁn', '👍🏽 é', 'Ǆ']) assert.equal(fold(text).length, text.normalize('NFC').length, text);
  assert.deepEqual(pieces('abc', [0, 1]), [{ text: 'ab', hit: true }, { text: 'c', hit: false }]);
});

test('the range of visible rows is exact', () => {
  const dist = distances([10, 20, 30, 40]);
  assert.deepEqual([...dist], [100, 90, 70, 40, 0]);
  assert.deepEqual(rangeBetween(dist, 0, 40), { start: 3, end: 4 });
  assert.deepEqual(rangeBetween(dist, 0, 41), { start: 2, end: 4 });
  assert.deepEqual(rangeBetween(dist, 40, 90), { start: 1, end: 3 });
  assert.deepEqual(rangeBetween(dist, 39, 91), { start: 0, end: 4 });
  assert.deepEqual(rangeBetween(dist, 0, 1000), { start: 0, end: 4 });
  assert.deepEqual(rangeBetween(distances([]), 0, 500), { start: 0, end: 0 });
  assert.ok(covers({ start: 0, end: 9 }, { start: 3, end: 9 }));
  assert.ok(!covers({ start: 0, end: 9 }, { start: 3, end: 10 }));
});

test('every visible row is in its range, whatever the heights', () => {
  let seed = 11;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  for (let round = 0; round < 500; round++) {
    const heights = Array.from({ length: random(40) }, () => 1 + random(60));
    const dist = distances(heights);
    const near = random(600);
    const far = near + 1 + random(300);
    const range = rangeBetween(dist, near, far);
    heights.forEach((_, i) => {
      const touches = (dist[i + 1] ?? 0) < far && (dist[i] ?? 0) > near;
      assert.equal(i >= range.start && i < range.end, touches, `row ${String(i)} of ${heights.join()} in ${String(near)}–${String(far)}`);
    });
  }
});

test('a trigger is a sign at the start of a word', () => {
  assert.deepEqual(triggerAt('hi @no', 6), { sign: '@', from: 3, query: 'no' });
  assert.deepEqual(triggerAt('@', 1), { sign: '@', from: 0, query: '' });
  assert.deepEqual(triggerAt('(:smi', 5), { sign: ':', from: 1, query: 'smi' });
  for (const text of ['a@no', ':s', 'at 8:30', ':-)', 'x', '@a b', 'https://']) assert.equal(triggerAt(text, text.length), null, text);
  assert.deepEqual(triggerAt('@nora hi', 3), { sign: '@', from: 0, query: 'no' });
});

test('a completion replaces the trigger and leaves one space', () => {
  assert.deepEqual(complete('hi @no', { sign: '@', from: 3, query: 'no' }, '@nora'), { text: 'hi @nora ', caret: 9 });
  assert.deepEqual(complete('@no, you', { sign: '@', from: 0, query: 'no' }, '@nora'), { text: '@nora , you', caret: 6 });
  assert.deepEqual(complete('@no you', { sign: '@', from: 0, query: 'no' }, '@nora'), { text: '@nora you', caret: 6 });
  assert.deepEqual(insertAt('abc', 1, 2, 'XY'), { text: 'aXYc', caret: 3 });
});

test('shortcodes turn into emoji outside of code only', () => {
  const of = (code: string) => ({ smile: '😄', '+1': '👍' })[code];
  assert.equal(convertShortcodes('hi :smile: :+1:', of), 'hi 😄 👍');
  assert.equal(convertShortcodes(':Smile:', of), '😄');
  for (const text of ['`:smile:`', '```\n:smile:\n```', '```\n:smile:', ':nope:', '10:smile:', 'a:smile:b', '12:30:45', ': smile :']) assert.equal(convertShortcodes(text, of), text, text);
});

test('emoji are found by shortcode, name and tag', () => {
  const read = (path: string): unknown => JSON.parse(readFileSync(`node_modules/emojibase-data/en/${path}`, 'utf8'));
  const set = buildSet(read('compact.json') as Entry[], read('shortcodes/github.json') as Record<string, string | string[]>);
  assert.equal(set.byCode.get('+1'), '👍️');
  assert.equal(searchEmoji(set, 'thumbsup', 5)[0]?.char, '👍️');
  assert.ok(searchEmoji(set, 'rowing', 8).some((emoji) => emoji.label.includes('row')));
  assert.equal(searchEmoji(set, 'zzzz', 5).length, 0);
  assert.ok(set.all.every((emoji) => emoji.group !== 2));
});

test('announcements come at most once in two seconds, then as a number', () => {
  const said: string[] = [];
  let now = 0;
  let due: { run: () => void; at: number } | null = null;
  const announcer = new Announcer((sentence) => said.push(sentence), () => now, (run, ms) => (due = { run, at: now + ms }));
  announcer.message('Tomas: hi');
  announcer.message('Tomas: there');
  now = 500;
  for (const word of ['a', 'b', 'c']) announcer.message(word);
  assert.deepEqual(said, ['Tomas: hi']);
  assert.equal(due!.at, 2000);
  now = 2000;
  due!.run();
  assert.deepEqual(said, ['Tomas: hi', '4 new messages']);
  now = 5000;
  announcer.message('Ines: yes');
  assert.deepEqual(said.at(-1), 'Ines: yes');
});

test('days are the reader’s own', () => {
  const at = (day: number, hour: number) => new Date(2026, 10, day, hour, 30).getTime();
  assert.equal(dayLabel(at(23, 0), at(23, 23)), 'Today');
  assert.equal(dayLabel(at(22, 23), at(23, 0)), 'Yesterday');
  assert.equal(dayNumber(at(23, 0)) - dayNumber(at(22, 23)), 1);
  assert.equal(sinceLabel(at(22, 9), at(23, 9)), 'yesterday');
  assert.equal(listTime(at(22, 9), at(23, 9)), 'Yesterday');
  assert.ok(dayLabel(new Date(2020, 1, 2).getTime(), at(23, 0)).includes('2020'));
});
