import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEntry } from '../../src/model/types.ts';
import { table } from '../../src/view/admin/table.ts';
import { attentionWords, seenWords, sentence, sizeWords } from '../../src/view/admin/words.ts';

const entry = (change: Partial<AuditEntry>): AuditEntry => ({ id: 1, at: 0, what: 'signed_in', actor: 'nora', user: 'nora', detail: '', address: '', ...change });
const said = (change: Partial<AuditEntry>): string => sentence(entry(change)).map((part) => part.text).join('');

test('an audit entry reads as a sentence with its people in it', () => {
  assert.equal(said({}), 'nora signed in');
  assert.equal(said({ what: 'user_suspended', user: 'rolf' }), 'nora paused the account of rolf');
  assert.equal(said({ what: 'two_step_off' }), 'nora switched two-step codes off');
  assert.equal(said({ what: 'two_step_off', user: 'rolf' }), 'nora switched two-step codes off for rolf');
  assert.equal(said({ what: 'keys_revoked', actor: '', user: '' }), 'The console signed everybody out');
  assert.equal(said({ what: 'sign_in_failed', actor: '', user: 'rolf' }), 'A wrong guess at the sign-in of rolf');
});

test('an act this app does not know is still shown', () => {
  assert.equal(said({ what: 'moon_landed' }), 'nora: moon landed');
});

test('only names are strong', () => {
  assert.deepEqual(sentence(entry({ what: 'role_changed', user: 'rolf' })).filter((part) => part.strong).map((part) => part.text), ['nora', 'rolf']);
});

test('a spreadsheet takes no cell of the log for a formula', () => {
  const text = table([entry({ actor: '=cmd()', detail: 'a "b", c' })]);
  assert.ok(text.includes(`"'=cmd()"`));
  assert.ok(text.includes('"a ""b"", c"'));
  assert.equal(text.split('\r\n').length, 3);
});

test('when somebody was last here is said as people say it', () => {
  const now = new Date(2026, 10, 23, 15, 0).getTime();
  const before = (days: number, hours = 0): number => new Date(2026, 10, 23 - days, 15 - hours, 0).getTime();
  assert.equal(seenWords(0, now), 'Not signed in');
  assert.equal(seenWords(now - 60_000, now), 'Now');
  assert.equal(seenWords(before(0, 3), now), '3 hours ago');
  assert.equal(seenWords(before(1), now), 'Yesterday');
});

test('sizes and counts have words', () => {
  assert.equal(sizeWords(999), '999 B');
  assert.match(sizeWords(38_200_000_000), /^38[.,]2 GB$/);
  assert.equal(attentionWords(0), 'Nothing wants your attention.');
  assert.equal(attentionWords(1), 'One thing wants your attention.');
  assert.equal(attentionWords(12), '12 things want your attention.');
});
