import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, databases, network, settled } from './browser.ts';
import { Place, refusal } from './place.ts';

const password = 'a good password';
test('a right password goes on to the second step, and a wrong code stays there', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  place.end();
  await browser.until(() => browser.standing.at === 'signed-out', 'signed out');
  place.twoStep = true;
  await browser.engine.login({ username: 'ida', password });
  assert.equal(browser.standing.at, 'two-step');
  assert.equal(browser.standing.name, 'ida');
  await assert.rejects(browser.engine.secondStep({ code: '000000', trust: false }), { code: 'bad_code' });
  assert.equal(browser.standing.at, 'two-step');
  await browser.engine.secondStep({ code: '123 456', trust: true });
  assert.equal(browser.standing.at, 'chat');
  assert.deepEqual(place.asked('POST', '/api/auth/challenge').at(-1), { challenge: 'CHALLENGE', code: '123456', trust: true, transport: 'cookie' });
});

test('a backup code is a second step too, and one may turn back', async () => {
  const place = new Place();
  place.twoStep = true;
  const browser = await Browser.fresh(place);
  await browser.engine.login({ username: 'ida', password });
  browser.engine.cancelSignIn();
  assert.equal(browser.standing.at, 'signed-out');
  await assert.rejects(browser.engine.secondStep({ code: '123456', trust: false }), { code: 'challenge_gone' });
  await browser.engine.login({ username: 'ida', password });
  await browser.engine.secondStep({ backupCode: 'abcd-efgh', trust: false });
  assert.equal(browser.standing.at, 'recovery-key');
});

test('an expired challenge leads back to the password with a word of why', async () => {
  const place = new Place();
  place.twoStep = true;
  const browser = await Browser.fresh(place);
  await browser.engine.login({ username: 'ida', password });
  place.on('POST /api/auth/challenge', () => refusal(401, 'challenge_gone'));
  await assert.rejects(browser.engine.secondStep({ code: '123456', trust: false }), { code: 'challenge_gone' });
  assert.equal(browser.standing.at, 'signed-out');
  assert.match(browser.standing.notice ?? '', /Begin again/);
});

test('a passkey is both steps', async () => {
  const place = new Place();
  place.twoStep = true;
  const browser = await Browser.fresh(place);
  const { ceremony } = await browser.engine.passkeyOptions();
  await browser.engine.loginByPasskey({ ceremony, id: '', client_data: '', authenticator_data: '', signature: '', user_handle: '' });
  assert.equal(browser.standing.at, 'recovery-key');
});

test('the recovery key sets a new password, opens the vault in a browser without keys, and makes room for a new key', async () => {
  const place = new Place();
  const { key } = await settled(place);
  place.end();
  place.twoStep = true;
  const other = await Browser.fresh(place);
  await other.engine.recover({ username: 'ida', recoveryKey: key.toLowerCase(), password: 'another good one' });
  assert.equal(other.standing.at, 'two-step');
  await other.engine.secondStep({ code: '123456', trust: false });
  assert.equal(other.standing.at, 'recovery-key');
  assert.notEqual(other.standing.recoveryKey, key);
  assert.equal(place.vault!.vault_version, 2);
  assert.equal(await other.engine.checkRecoveryKey(other.standing.recoveryKey!), true);
  assert.equal(await other.engine.checkRecoveryKey(key), false);
  const [body] = place.asked('POST', '/api/auth/recover') as [{ proof: string }];
  assert.deepEqual(Object.keys(body).sort(), ['password', 'proof', 'transport', 'username']);
  for (const { body: said } of place.requests) assert.ok(!(JSON.stringify(said) ?? '').includes(key), 'the key itself went to the place');
});

test('a mistyped recovery key is said before anything is asked of the place', async () => {
  const place = new Place();
  const browser = await Browser.fresh(place);
  await assert.rejects(browser.engine.recover({ username: 'ida', recoveryKey: 'ABCD', password }), { code: 'recovery_code', field: 'recoveryKey' });
  assert.deepEqual(place.asked('POST', '/api/auth/recover'), []);
});

test('a browser that has its keys keeps them when the password is recovered', async () => {
  const place = new Place();
  const { browser, key } = await settled(place);
  const { device } = place;
  place.end();
  await browser.until(() => browser.standing.at === 'signed-out', 'signed out');
  assert.match(browser.standing.notice ?? '', /still in this browser/);
  await browser.engine.recover({ username: 'ida', recoveryKey: key, password: 'another good one' });
  assert.equal(browser.standing.at, 'recovery-key');
  assert.deepEqual(place.asked('POST', '/api/devices').at(-1), { name: 'Firefox on Linux', id: device });
});

test('when the new key cannot be made the old one is good and a notice remains', async () => {
  const place = new Place();
  const { browser, key } = await settled(place);
  place.end();
  await browser.until(() => browser.standing.at === 'signed-out', 'signed out');
  place.on('PUT /api/manifests', () => refusal(403, 'forbidden'));
  await browser.engine.recover({ username: 'ida', recoveryKey: key, password: 'another good one' });
  assert.equal(browser.standing.at, 'chat');
  assert.deepEqual(browser.told('notice').map((one) => one.what), ['recovery_key_unchanged']);
  assert.equal(await browser.engine.checkRecoveryKey(key), true);
});

test('a new key whose answer was lost is shown once the place is reached again', async () => {
  const place = new Place();
  const { browser, key } = await settled(place);
  const usual = place.manifests.get(place.me.id)!;
  let stored = '';
  place.on('PUT /api/manifests', ({ manifest, vault, vault_version, recovery }: { manifest: string; vault: string; vault_version: number; recovery: string }) => {
    if (stored !== '') return refusal(409, 'stale_manifest');
    stored = manifest;
    place.manifests.set(place.me.id, { ...usual, version: 2, manifest });
    place.vault = { vault, vault_version, recovery };
    network(null);
    throw new TypeError('cut off');
  });
  await assert.rejects(browser.engine.changeRecoveryKey(key), { code: 'offline' });
  assert.equal(browser.standing.at, 'chat');
  network(place);
  await browser.until(() => browser.standing.at === 'recovery-key', 'the new key');
  assert.equal(await browser.engine.checkRecoveryKey(browser.standing.recoveryKey!), true);
  assert.equal(await browser.engine.checkRecoveryKey(key), false);
});

test('a new key that wants a confirmation first leaves the old one good, and nothing behind', async () => {
  const place = new Place();
  const { browser, key } = await settled(place);
  const before = place.asked('PUT', '/api/manifests').length;
  place.first('PUT /api/manifests', 1, () => refusal(403, 'confirm_first'));
  await assert.rejects(browser.engine.changeRecoveryKey(key), { code: 'confirm_first' });
  assert.equal(browser.standing.at, 'chat');
  assert.equal(await browser.engine.checkRecoveryKey(key), true);
  await browser.engine.changeRecoveryKey(key);
  const [refused, taken] = place.asked('PUT', '/api/manifests').slice(before) as { vault: string }[];
  assert.notEqual(refused!.vault, taken!.vault, 'the refused key was kept');
  assert.equal(browser.standing.at, 'recovery-key');
  assert.equal(await browser.engine.checkRecoveryKey(browser.standing.recoveryKey!), true);
});

test('the link of an admin sets a new password; the keys of this browser stay', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  place.end();
  await browser.until(() => browser.standing.at === 'signed-out', 'signed out');
  assert.deepEqual(await browser.engine.previewReset('TOKEN'), { username: 'ida', expiresAt: 99 });
  place.twoStep = true;
  await browser.engine.reset({ token: 'TOKEN', password: 'another good one' });
  assert.equal(browser.standing.name, 'ida');
  await browser.engine.secondStep({ code: '123456', trust: false });
  assert.equal(browser.standing.at, 'chat');
});

test('the link of an admin in a browser without keys asks for the recovery key', async () => {
  const place = new Place();
  await settled(place);
  place.end();
  const other = await Browser.fresh(place);
  await other.engine.reset({ token: 'TOKEN', password: 'another good one' });
  assert.equal(other.standing.at, 'unlock');
});

test('a changed password takes the new tokens and keeps keys and history', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  const before = databases();
  const tokens: (string | null)[] = [];
  place.on('PUT /api/me/password', () => {
    place.session = 'AAAAAAAAAAAAAAAAAAAAAA';
    return [200, { access_token: 'e30.eyJzaWQiOiJuZXcifQ.x', expires_at: Date.now() + 900_000, user: place.me, has_keys: true }];
  });
  place.on('GET /api/me/security', (_, __, headers) => {
    tokens.push(headers.get('Authorization'));
    return [200, { password_at: 1, two_step: false, backup_codes: 0, passkeys: [], fresh_until: 0, state: 'active' }];
  });
  await browser.engine.account.changePassword('another good one');
  await browser.engine.account.security();
  assert.deepEqual(tokens, ['Bearer e30.eyJzaWQiOiJuZXcifQ.x']);
  assert.equal(browser.standing.at, 'chat');
  assert.deepEqual(databases(), before);
  assert.deepEqual(place.asked('POST', '/api/auth/refresh').length, 1);
});
