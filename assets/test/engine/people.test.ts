import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId, toBase64 } from '../../src/net/base64.ts';
import { bytes } from '../decryptor/bytes.ts';
import { Browser, settled } from './browser.ts';
import { Place, type Account } from './place.ts';

/** Ida's browser, in one channel with Nora and Tomas, and in a DM with Nora. */
async function together(): Promise<{ place: Place; browser: Browser; nora: Account; tomas: Account; channel: string; dm: string }> {
  const place = new Place();
  const { browser } = await settled(place);
  const [nora, tomas] = [await place.join('Nora'), await place.join('Tomas')];
  const everybody = [place.me, nora.user, tomas.user].map(({ id }) => ({ id, admin: false }));
  const channel = place.channel('hall', nora, everybody);
  const dm = toBase64(nora.core.dmConversation(bytes(place.me.id)));
  place.dms.push({ id: dm, peer: nora.user, epoch: 1, read_seq: 0, created_at: 3 });
  await read(place, browser);
  return { place, browser, nora, tomas, channel, dm };
}

async function read(place: Place, browser: Browser): Promise<void> {
  const before = place.asked('GET', '/api/state').length;
  await browser.until(() => place.connected, 'the socket');
  place.reset();
  await browser.until(() => place.asked('GET', '/api/state').length > before, 'the state');
  await browser.engine.home.acceptIdentity(place.me.id); // has its turn behind what the state brings
  assert.ok(browser.engine.home.membership.knows(place.dms[0]!.id));
}

/** Says something, and returns the devices that were given a key with it. */
async function say(place: Place, browser: Browser, conv: string): Promise<{ epoch: number; devices: string[] }> {
  const count = place.sent.length;
  await browser.engine.home.talk.send(conv, newId(), 'Good morning', null);
  await browser.until(() => place.sent.length > count, 'the message at the place');
  const { epoch, envelopes } = place.sent.at(-1)!;
  return { epoch, devices: envelopes.map((one) => one.device_id).sort() };
}

const held = (browser: Browser, conv: string) => browser.told('conv').find((one) => one.id === conv)?.held ?? null;

test('nothing is sealed to a paused person, with keys made anew for the others, and to a restored one it is again', async () => {
  const { place, browser, nora, tomas, channel } = await together();
  const both = [nora.device, tomas.device].sort();
  assert.deepEqual(await say(place, browser, channel), { epoch: 1, devices: both });
  assert.deepEqual((await say(place, browser, channel)).devices, [], 'they have the key by now');
  place.restate(nora.user, 'suspended');
  await browser.until(() => browser.told('user').some((one) => one.state === 'suspended'), 'the news');
  assert.deepEqual(await say(place, browser, channel), { epoch: 2, devices: [tomas.device] });
  place.restate(nora.user, undefined);
  await browser.until(() => browser.told('user').every((one) => one.state === undefined), 'the news');
  assert.deepEqual(await say(place, browser, channel), { epoch: 3, devices: both });
});

test('an operation in between does not bring a paused person back', async () => {
  const { place, browser, nora, tomas, channel } = await together();
  place.restate(tomas.user, 'suspended');
  await browser.until(() => browser.told('user').some((one) => one.state === 'suspended'), 'the news');
  const hall = place.channels[0]!;
  const { op } = nora.core.makeOp(bytes(channel), 4, 0, [{ user: bytes(place.me.id), role: 2 }]);
  const record = { conversation_id: channel, n: ++hall.n, op: toBase64(op), epochs: [{ conversation_id: channel, epoch: ++hall.epoch }] };
  place.ops.push(record);
  place.tell('op', record);
  await browser.until(() => browser.engine.home.membership.channel(channel)?.n === 1, 'the operation');
  assert.deepEqual(await say(place, browser, channel), { epoch: 3, devices: [nora.device] });
});

test('a browser that comes later seals nothing to whoever is paused by then', async () => {
  const { place, browser, nora, tomas, channel } = await together();
  place.become(nora.user, 'suspended');
  await read(place, browser);
  await browser.until(() => browser.told('user').some((one) => one.state === 'suspended'), 'the state');
  assert.deepEqual((await say(place, browser, channel)).devices, [tomas.device]);
});

test('a DM with a paused person is held with a sentence, and what was written goes out when they are restored', async () => {
  const { place, browser, nora, dm } = await together();
  place.restate(nora.user, 'suspended');
  await browser.until(() => held(browser, dm) !== null, 'the DM is held');
  assert.equal(held(browser, dm)!.code, 'paused');
  assert.match(held(browser, dm)!.message, /^Nora’s account is paused/);
  await browser.engine.home.talk.send(dm, newId(), 'Come back soon', null);
  await browser.until(() => browser.told('conv').some((one) => one.id === dm && one.last?.state === 'waiting'), 'the message waits');
  assert.equal(place.sent.length, 0);
  place.restate(nora.user, undefined);
  await browser.until(() => place.sent.length === 1, 'the message went out');
  assert.equal(held(browser, dm), null);
  assert.equal(place.sent[0]!.epoch, 3);
});

test('a DM with somebody whose account was deleted says so, also after a reload', async () => {
  const { place, browser, nora, dm } = await together();
  place.restate(nora.user, 'deleted');
  await browser.until(() => held(browser, dm)?.code === 'gone', 'the DM is held');
  const again = await Browser.again(place);
  assert.equal(again.engine.home.world.conv(dm).held?.code, 'gone');
});

test('a new name changes nothing about whom one seals to', async () => {
  const { place, browser, nora, channel } = await together();
  await say(place, browser, channel);
  place.tell('user', { ...nora.user, display_name: 'Nora B.' });
  await browser.until(() => browser.told('user').some((one) => one.display_name === 'Nora B.'), 'the name');
  assert.deepEqual(await say(place, browser, channel), { epoch: 1, devices: [] });
});
