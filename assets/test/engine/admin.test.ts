import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actions } from '../../src/model/engine/actions.ts';
import { settled } from './browser.ts';
import { Place, refusal } from './place.ts';

const entry = { id: 4, at: 5, what: 'signed_in', actor: 'A', actor_name: 'Nora', user_name: '', detail: '', address: '203.0.113.9' };

test('the place as its admin sees it', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  const ask = actions(browser.engine);
  const about = { name: 'Home', registration: 'open', set_up: true, version: '1.2' };
  place.on('GET /api/admin/overview', () => [
    200, { place: about, started_at: 1, people: 2, online: 3, database_bytes: 4, disk_free: 5, disk_total: 6, failed_sign_ins: 7, lately: [entry] },
  ]);
  assert.deepEqual(await ask.adminOverview(), {
    placeName: 'Home', version: '1.2', registration: 'open', startedAt: 1, people: 2, online: 3, databaseBytes: 4, diskFree: 5, diskTotal: 6, failedSignIns: 7,
    lately: [{ id: 4, at: 5, what: 'signed_in', actor: 'Nora', user: '', detail: '', address: '203.0.113.9' }],
  });
});

test('a new mode of registration is known here at once', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  place.on('PATCH /api/admin/place', ({ registration }: { registration: string }) => [200, { name: 'Home', registration, set_up: true, version: '1' }]);
  await actions(browser.engine).adminRegistration('closed');
  assert.equal(browser.standing.place?.registration, 'closed');
});

test('a reset link holds its token behind the fragment', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  place.on('POST /api/admin/users/*/reset', ({ two_step }: { two_step: boolean }) => [201, { token: `T-${two_step}`, expires_at: 9 }]);
  assert.deepEqual(await actions(browser.engine).adminResetLink('U', true), { url: 'https://place.test/reset#T-true', expiresAt: 9 });
});

test('the audit log is read on from its last entry, and invitations say who may do what', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  const ask = actions(browser.engine);
  const asked: string[] = [];
  const usual = place.answer.bind(place);
  place.answer = (...args) => (asked.push(args[1]), usual(...args));
  place.on('GET /api/admin/audit', () => [200, { entries: [entry], more: true, days: 90 }]);
  assert.equal((await ask.adminAudit(null)).more, true);
  await ask.adminAudit(4);
  assert.deepEqual(asked, ['/api/admin/audit?limit=50', '/api/admin/audit?before=4&limit=50']);
  const invite = { id: 'I', community_id: 'C', created_by: 'U', role: 'admin', uses: 5, used: 2, created_at: 1, expires_at: 2 };
  place.on('GET /api/admin/invites', () => [200, { invites: [{ invite, community_name: 'Home', inviter_name: 'Nora' }] }]);
  assert.deepEqual(await ask.adminInvites(), [{ id: 'I', uses: 5, used: 2, expiresAt: 2, community: 'Home', inviter: 'Nora', role: 'admin', createdAt: 1 }]);
});

test('what only admins may do fails for others as it is', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  place.on('GET /api/admin/users', () => refusal(403, 'forbidden'));
  place.on('PATCH /api/admin/users/*', () => refusal(403, 'confirm_first'));
  await assert.rejects(actions(browser.engine).adminUsers(), { code: 'forbidden' });
  await assert.rejects(actions(browser.engine).adminChange('U', { state: 'suspended' }), { code: 'confirm_first' });
});

test('an invitation carries the role it gives', async () => {
  const place = new Place();
  const { browser } = await settled(place);
  place.on('POST /api/invites', () => [201, { id: 'I', community_id: 'C', created_by: 'U', token: 'T', role: 'admin', uses: 1, used: 0, created_at: 1, expires_at: 2 }]);
  const made = await actions(browser.engine).createInvite({ communityId: 'C', uses: 1, days: 2, role: 'admin' });
  assert.equal(made.url, 'https://place.test/join#T');
  assert.deepEqual(place.asked('POST', '/api/invites'), [{ community_id: 'C', uses: 1, expires_in: 172_800, role: 'admin' }]);
});
