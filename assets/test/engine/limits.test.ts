import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../src/net/base64.ts';
import { pause } from '../../src/net/backoff.ts';
import { Fault } from '../../src/net/failure.ts';
import { Gate } from '../../src/net/gate.ts';
import { verdict } from '../../src/model/verdict.ts';
import { Browser, settled, waits } from './browser.ts';
import { Place, refusal } from './place.ts';

const tooMany = (seconds: number) => () => refusal(429, 'too_many_requests', { retry_after: seconds });
const waited = (seconds: number): boolean => waits.some((ms) => ms >= seconds * 1000 && ms < seconds * 1000 + 1000);

test('a question that came too early is asked once more, when the place says', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  waits.length = 0;
  place.on('GET /api/sessions', () => [200, { sessions: [] }]);
  place.first('GET /api/sessions', 1, tooMany(4));
  assert.deepEqual(await browser.engine.account.sessions(), []);
  assert.ok(waited(4), 'waited four seconds');
  place.first('GET /api/sessions', 2, tooMany(4));
  await assert.rejects(browser.engine.account.sessions(), { code: 'too_many_requests', retryAfter: 4 });
});

test('what asks for a long wait goes to the person at once', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  place.on('GET /api/sessions', tooMany(600));
  await assert.rejects(browser.engine.account.sessions(), { retryAfter: 600 });
  assert.equal(place.asked('GET', '/api/sessions').length, 1);
});

test('a person’s action is never tried again behind their back', async () => {
  const place = new Place();
  const browser = await Browser.fresh(place);
  place.on('POST /api/auth/login', () => refusal(429, 'account_locked', { retry_after: 840 }));
  await assert.rejects(browser.engine.login({ username: 'ida', password: 'x' }), { code: 'account_locked', retryAfter: 840 });
  assert.equal(place.asked('POST', '/api/auth/login').length, 1);
  assert.equal(browser.standing.at, 'signed-out');
});

test('a message waits as long as the place asks for and arrives once', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  const nora = await place.join('Nora');
  const conv = place.channel('hall', nora, [{ id: place.me.id, admin: false }]);
  place.reset();
  await browser.until(() => browser.engine.home.membership.knows(conv), 'the channel');
  waits.length = 0;
  place.first('POST /api/conversations/*/messages', 2, tooMany(7));
  await browser.engine.home.talk.send(conv, newId(), 'Patience', null);
  await browser.until(() => browser.told('conv').some((one) => one.last?.state === 'sent'), 'sent');
  assert.ok(waited(7), 'waited seven seconds');
  assert.equal(place.sent.length, 1);
});

test('a place that turns everything away at first is read in the end', async () => {
  const place = new Place();
  place.first('GET /api/state', 3, tooMany(2));
  const { browser } = await settled(place);
  assert.deepEqual(browser.told('community').map((one) => one.name), ['Home']);
});

test('a proxy that turns away in its own words is heeded too', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  const usual = place.answer.bind(place);
  let times = 1;
  place.on('GET /api/sessions', () => [200, { sessions: [] }]);
  place.answer = (...args) =>
    args[1] === '/api/sessions' && times-- > 0 ? new Response('<h1>Slow down</h1>', { status: 429, headers: { 'Retry-After': '3' } }) : usual(...args);
  waits.length = 0;
  assert.deepEqual(await browser.engine.account.sessions(), []);
  assert.ok(waited(3));
});

test('no more than six requests are on their way at once, and none is left behind when one fails', async () => {
  const gate = new Gate(6);
  let [inside, most] = [0, 0];
  const work = async (n: number): Promise<number> => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
    if (n % 7 === 0) throw new Error('failed');
    return n;
  };
  const done = await Promise.allSettled(Array.from({ length: 60 }, (_, n) => gate.pass(() => work(n))));
  assert.equal(most, 6);
  assert.equal(done.filter((one) => one.status === 'fulfilled').length, 51);
  assert.equal(await gate.pass(async () => 'open'), 'open');
});

test('every 429 passes for what the engine does by itself', () => {
  assert.equal(verdict('limit_of_another_name', 429, 0), 'wait');
  const ms = pause(new Fault('too_many_requests', 'x', { status: 429, retryAfter: 9 }), 5);
  assert.ok(ms >= 9_000 && ms < 10_000);
  assert.ok(pause(new Fault('offline', 'x'), 0) <= 500);
});
