import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../src/net/base64.ts';
import { Browser, settled } from './browser.ts';
import { Place } from './place.ts';

const seen = (browser: Browser): string[] => browser.told('notice').map((one) => one.what);

async function told(place: Place, browser: Browser): Promise<void> {
  place.tell('group', { id: newId(), community_id: place.community.id, name: `after ${place.log.length}`, created_at: 1 });
  const { name } = place.log.at(-1)!.group!;
  await browser.until(() => browser.told('group').some((one) => one.name === name), 'everything told');
}

test('what another session did is told with where it came from, and what this one did is not', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  place.tell('session_notice', { what: 'signed_in', agent: 'Firefox on Linux', network: '203.0.113.0/24', session: newId() });
  place.tell('session_notice', { what: 'password_changed', session: place.session });
  place.tell('session_notice', { what: 'locked' });
  place.tell('session_notice', { what: 'refresh_reused' });
  await told(place, browser);
  assert.deepEqual(seen(browser), ['signed_in', 'locked', 'refresh_reused']);
  const [{ agent, network } = { agent: '', network: '' }] = browser.told('notice');
  assert.deepEqual([agent, network], ['Firefox on Linux', '203.0.113.0/24']);
});

test('a notice is there once after a reload, and a dismissed one never again', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  for (const what of ['locked', 'two_step_off']) place.tell('session_notice', { what });
  await told(place, browser);
  await browser.engine.home.notices.dismiss(browser.told('notice')[0]!.id);
  const again = await Browser.again(place);
  await told(place, again);
  assert.deepEqual(again.engine.snapshot().filter((one) => one.t === 'put' && one.kind === 'notice').length, 1);
  assert.deepEqual(seen(again), ['two_step_off']);
});

test('what this browser did under an earlier session is not told to it either', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  const earlier = place.session;
  await browser.until(() => place.asked('GET', '/api/prekeys').length > 1, 'all that is due when online');
  place.end();
  await browser.until(() => browser.standing.at === 'signed-out', 'signed out');
  await browser.engine.login({ username: 'ida', password: place.password });
  assert.notEqual(place.session, earlier);
  place.tell('session_notice', { what: 'passkey_added', session: earlier });
  await told(place, browser);
  assert.deepEqual(seen(browser), []);
});

test('only the newest twenty are kept', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  for (let n = 0; n < 25; n++) place.tell('session_notice', { what: 'locked', agent: String(n) }).at = n;
  await told(place, browser);
  assert.equal(seen(browser).length, 20);
});
