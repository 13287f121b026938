import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, databases, settled } from './browser.ts';
import { Place, refusal, type Account } from './place.ts';

const role = 4;
const security = (fresh: number) => () =>
  [200, { password_at: 1, two_step: true, backup_codes: 7, passkeys: [{ id: 'P', name: 'Phone', created_at: 2, used_at: 0 }], fresh_until: fresh, state: 'active' }] as [number, unknown];

/** Ida, who alone looks after channels, with an owner of the community and older and newer members. */
async function keeper(): Promise<{ place: Place; browser: Browser; nora: Account; tomas: Account; owner: Account; channels: Record<string, string> }> {
  const place = new Place();
  const { browser } = await settled(place);
  const [nora, tomas, owner] = [await place.join('Nora'), await place.join('Tomas'), await place.join('Olga', 'owner')];
  const all = { ida: place.me.id, nora: nora.user.id, tomas: tomas.user.id, olga: owner.user.id };
  const made = (name: string, others: string[], alone: boolean): string => {
    const conv = place.channel(name, tomas, [place.me.id, ...others].map((id) => ({ id, admin: id === all.ida })));
    if (alone) place.order(conv, tomas, role, [{ id: all.tomas, role: 1 }]);
    return conv;
  };
  const channels = { owned: made('owned', [all.nora, all.olga], true), elder: made('elder', [all.nora], true), shared: made('shared', [all.nora], false) };
  place.reset();
  await browser.until(() => Object.values(channels).every((id) => browser.engine.home.membership.knows(id)), 'the channels');
  await browser.until(() => browser.told('channel').length === 3, 'the channels told');
  place.on('GET /api/me/security', security(Date.now() + 240_000));
  place.on('DELETE /api/me', () => {
    place.end(4403);
    return [204];
  });
  return { place, browser, nora, tomas, owner, channels };
}

test('before an account goes, channels that only it looks after get another admin: the owner, else whoever is there longest', async () => {
  const { place, browser, nora, owner, channels } = await keeper();
  await browser.engine.deleteAccount();
  assert.deepEqual(place.opAt(channels['owned']!, 2), { type: role, targets: [{ user: owner.user.id, role: 2 }] });
  assert.deepEqual(place.opAt(channels['elder']!, 2), { type: role, targets: [{ user: nora.user.id, role: 2 }] });
  assert.equal(place.ops.filter((one) => one.conversation_id === channels['shared']).length, 1);
});

test('nobody whose account is paused inherits a channel', async () => {
  const { place, browser, owner, nora, channels } = await keeper();
  place.restate(owner.user, 'suspended');
  await browser.engine.deleteAccount();
  assert.deepEqual(place.opAt(channels['owned']!, 2).targets, [{ user: nora.user.id, role: 2 }]);
});

test('a deleted account leaves nothing in this browser', async () => {
  const { browser } = await keeper();
  assert.equal(databases().length, 2);
  await browser.engine.deleteAccount();
  assert.deepEqual(databases(), ['chatalot']);
  assert.equal(browser.standing.at, 'signed-out');
  assert.match(browser.standing.notice ?? '', /deleted/);
});

test('nothing is handed over before the person has confirmed, nor while they own a community with others', async () => {
  const { place, browser } = await keeper();
  const before = place.ops.length;
  place.on('GET /api/me/security', security(0));
  await assert.rejects(browser.engine.deleteAccount(), { code: 'confirm_first' });
  place.on('GET /api/me/security', security(Date.now() + 240_000));
  place.tell('community_member', { community_id: place.community.id, user: place.me, role: 'owner' });
  await browser.until(() => browser.told('member').some((one) => one.user.id === place.me.id && one.role === 'owner'), 'the role');
  await assert.rejects(browser.engine.deleteAccount(), { code: 'owns_communities' });
  assert.equal(place.ops.length, before);
  assert.deepEqual(place.asked('DELETE', '/api/me'), []);
  assert.equal(browser.standing.at, 'chat');
});

test('a community is handed over to somebody else', async () => {
  const { place, browser, nora } = await keeper();
  place.on('PATCH /api/communities/*/members/*', () => [200, {}]);
  await browser.engine.home.places.handOver(place.community.id, nora.user.id);
  assert.deepEqual(place.asked('PATCH', `/api/communities/${place.community.id}/members/${nora.user.id}`), [{ role: 'owner' }]);
});

test('how the account is guarded, as the screens show it', async () => {
  const { browser } = await keeper();
  const found = await browser.engine.account.security();
  assert.deepEqual(found, { passwordAt: 1, twoStep: true, backupCodes: 7, passkeys: [{ id: 'P', name: 'Phone', createdAt: 2, usedAt: 0 }] });
});

test('a wrong password at a confirmation is said, and is no end of the session', async () => {
  const { place, browser } = await keeper();
  place.on('POST /api/me/confirm', ({ password }: { password: string }) => (password === place.password ? [200, { fresh_until: 1 }] : refusal(401, 'bad_credentials')));
  await assert.rejects(browser.engine.account.confirm({ password: 'wrong' }), { code: 'bad_credentials' });
  await browser.engine.account.confirm({ password: place.password });
  assert.equal(browser.standing.at, 'chat');
});

test('a session that ended elsewhere ends here with the next request, and the keys stay', async () => {
  const { place, browser } = await keeper();
  place.on('GET /api/sessions', () => refusal(401, 'session_ended'));
  place.signedIn = false;
  await assert.rejects(browser.engine.account.sessions(), { code: 'session_ended' });
  assert.equal(browser.standing.at, 'signed-out');
  assert.equal(databases().length, 2);
});
