import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { SecurityNotice } from '../../src/model/types.ts';
import { passwordProblem, plainUsername } from '../../src/view/parts/account.ts';
import { codeDigits } from '../../src/view/parts/code.ts';
import { keyProblem, tidyKey } from '../../src/view/parts/recovery.ts';
import { agoWords, momentWords } from '../../src/view/parts/when.ts';
import { newestNews, newsOf } from '../../src/view/settings/words.ts';

const notice = (what: string, at = 0): SecurityNotice => ({ id: `${what}${at}`, what, agent: '', network: '', at });

test('a pasted code loses everything but its digits, and never grows past six', () => {
  assert.equal(codeDigits('407 152'), '407152');
  assert.equal(codeDigits('code: 407-152.'), '407152');
  assert.equal(codeDigits('4071529'), '407152');
  assert.equal(codeDigits('٤٠٧١٥٢'), '407152');
  assert.equal(codeDigits('۴۰۷۱۵۲'), '407152');
  assert.equal(codeDigits('abc'), '');
});

test('a typed recovery key is complete only with all of its seven groups', () => {
  const key = tidyKey('4tqm w2pd 8rth n6cx e3vb 9fzj k5ya');
  assert.equal(key, '4TQM-W2PD-8RTH-N6CX-E3VB-9FZJ-K5YA');
  assert.equal(keyProblem(key), null);
  assert.match(keyProblem(key.slice(0, -1)) ?? '', /1 is missing/);
  assert.match(keyProblem(`${key}A`) ?? '', /too many/);
});

test('a password is measured as the place measures it', () => {
  assert.notEqual(passwordProblem('ninechars'), null);
  assert.equal(passwordProblem('ten chars.'), null);
  assert.equal(passwordProblem('ä'.repeat(64)), null);
  assert.notEqual(passwordProblem('ä'.repeat(65)), null);
  assert.equal(plainUsername('  Ｎora '), 'nora');
});

test('times are told as far as they matter', () => {
  const now = new Date(2026, 10, 23, 18, 0).getTime();
  assert.equal(agoWords(now - 30_000, now), 'just now');
  assert.equal(agoWords(now + 60_000, now), 'just now');
  assert.match(agoWords(now - 4 * 60_000, now), /4/);
  assert.match(agoWords(now - 93 * 86_400_000, now), /3/);
  assert.match(momentWords(now - 3_600_000, now), /^today at /);
  assert.doesNotMatch(momentWords(now - 86_400_000, now), /today/);
  assert.match(momentWords(now - 400 * 86_400_000, now), /2025/);
});

test('every notice of the protocol has words of its own, and an unknown one is told all the same', () => {
  const doc = readFileSync('../app/wire/event.go', 'utf8');
  const kinds = [...(/SessionNotice tells([\s\S]*?)type SessionNotice/.exec(doc)?.[1] ?? '').matchAll(/"([a-z_]+)"/g)].map((found) => found[1] ?? '');
  assert.ok(kinds.length > 10);
  const unknown = newsOf(notice('never_heard_of')).fact;
  for (const kind of [...kinds, 'recovery_key_unchanged']) assert.notEqual(newsOf(notice(kind)).fact, unknown, kind);
});

test('the chat tells of the newest notice', () => {
  assert.equal(newestNews([]), undefined);
  assert.equal(newestNews([notice('locked', 1), notice('signed_in', 3), notice('locked', 2)])?.at, 3);
});
