import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayAsk, verdict } from '../../src/model/verdict.ts';
import { delay } from '../../src/net/backoff.ts';
import { fromBase64, newId, toBase64 } from '../../src/net/base64.ts';
import { asFailure, Fault, passes } from '../../src/net/failure.ts';

test('a message waits for the network and the place, and keeps its bytes', () => {
  for (const code of ['offline', 'unavailable', 'internal', 'too_many_requests', 'session_ended', 'identity_changed', 'inactive_device', 'no_recipient']) assert.equal(verdict(code, 0, 9), 'wait', code);
  assert.equal(verdict('anything', 502, 0), 'wait');
});

test('a message is sealed again when the members changed, though not for ever without a pause', () => {
  assert.equal(verdict('stale_epoch', 409, 0), 'renew');
  assert.equal(verdict('bad_envelopes', 400, 5), 'renew');
  assert.equal(verdict('stale_epoch', 409, 6), 'wait');
});

test('what waiting cannot cure asks the person', () => {
  for (const code of ['not_found', 'forbidden', 'too_large', 'not_member', 'message_id_taken', 'bad_request', 'limit_reached']) assert.equal(verdict(code, 400, 0), 'fail', code);
});

test('keys are asked for at most once an hour and five times a day', () => {
  const hour = 3_600_000;
  const now = 100 * hour;
  assert.ok(mayAsk([], now));
  assert.ok(!mayAsk([now - hour + 1], now));
  assert.ok(mayAsk([now - hour], now));
  assert.ok(!mayAsk([1, 2, 3, 4, 5].map((ago) => now - ago * hour), now));
  assert.ok(mayAsk([30, 2, 3, 4, 5].map((ago) => now - ago * hour), now));
});

test('waiting doubles up to half a minute and never all at once', () => {
  assert.equal(delay(0, 0), 100);
  assert.equal(delay(0, 1), 500);
  assert.equal(delay(3, 1), 4_000);
  assert.equal(delay(50, 1), 30_000);
  assert.ok(delay(50, 0) >= 6_000);
});

test('byte strings have one spelling', () => {
  for (let n = 0; n < 70; n++) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 37 + n) & 255);
    assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
  }
  assert.equal(toBase64(new Uint8Array([251, 255])), '-_8');
  for (const bad of ['A', 'AA=', 'AA\n', '+/8', 'AB', '-_9', 'ÄA']) assert.throws(() => fromBase64(bad), SyntaxError, bad);
  assert.match(newId(), /^[A-Za-z0-9_-]{22}$/);
});

test('every failure becomes words for a person, and only passing ones are waited for', () => {
  assert.ok(passes(new Fault('offline', 'x')));
  assert.ok(passes(new Fault('too_many_requests', 'x', { status: 429 })));
  assert.ok(!passes(new Fault('not_found', 'x', { status: 404 })));
  assert.ok(!passes(new Error('x')));
  assert.deepEqual(asFailure(new Fault('c', 'm', { field: 'f', retryAfter: 3 })), { code: 'c', message: 'm', field: 'f', retryAfter: 3 });
  assert.deepEqual(asFailure(Object.assign(new Error('words'), { code: 'recovery_code' })).message, 'words');
  assert.equal(asFailure(new TypeError('secret detail')).message.includes('secret'), false);
});
