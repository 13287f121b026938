// What browsers, phones and the place go through in a long life: crashes, closed tabs, restarts, absences, frozen tabs, ended sessions, removed devices,
// lost keys, a backup put back. What was said is there afterwards, once, in order, on every side.
import { demand, desk, device, journey, picture, step, until } from './browser.mjs';
import { fillAccount, keepKey, message, openConversation, say, sees, typeBack } from './screens.mjs';

const exact = (name) => ({ name, exact: true });
const invitation = process.env.CHATALOT_INVITE;
const mark = Math.random().toString(36).slice(2, 8);
const ines = { name: 'Ines Carvalho', username: 'ines', password: `green oars and oranges ${mark}` };
const tomas = { name: 'Tomas Berg', username: 'tomas', password: `a lantern in the boathouse ${mark}` };
const emil = { name: 'Emil Moreau', username: 'emil', password: `nine lives and a ladder ${mark}` };
const secrets = [];

/** Asks whoever runs the place to do something. */
async function operator(act, wish = {}) {
  const answer = await fetch(`${process.env.CHATALOT_OPERATOR}/${act}`, { method: 'POST', body: JSON.stringify(wish) });
  demand(answer.ok, `the operator failed to ${act}: ${answer.ok || (await answer.text())}`);
}

const box = (page) => page.getByRole('textbox', { name: /^Message / });

/** Writes one message after the other as fast as the page takes them. */
async function dash(page, texts) {
  for (const text of texts) {
    await box(page).fill(text);
    await box(page).press('Enter');
  }
}

const several = (words, n) => Array.from({ length: n }, (_, i) => `${words} ${i} ${mark}`);

/** Everything that this browser keeps of the open conversation, oldest first, read as the app reads it: by the key that only its pages can use. */
async function kept(page) {
  return page.evaluate(async () => {
    const done = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const conv = location.pathname.split('/')[2];
    const { name } = (await indexedDB.databases()).find((one) => one.name.startsWith('chatalot-'));
    const db = await done(indexedDB.open(name));
    try {
      const tx = db.transaction(['keys', 'messages']);
      const [key, records] = await Promise.all([done(tx.objectStore('keys').get('seal')), done(tx.objectStore('messages').index('order').getAll(IDBKeyRange.bound([conv, -Infinity], [conv, Infinity])))]);
      return Promise.all(records.map(async ({ id, sealed }) => {
        const additionalData = new TextEncoder().encode(`messages/${conv}/${id}`);
        return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: sealed.iv, additionalData }, key, sealed.data)));
      }));
    } finally {
      db.close();
    }
  });
}

const said = async (page, words) => (await kept(page)).filter((one) => one.kind === 'text' && one.text.startsWith(words) && one.text.endsWith(mark)).map((one) => one.text);
const settled = async (page) => (await kept(page)).every((one) => one.state === null || one.state === 'sent');

/** Waits until both sides have the same messages that begin like this, each once, with none on its way; returns them. */
async function agreed(one, other, words, least) {
  return until(`both sides to have the same ${least} of "${words}"`, async () => {
    await new Promise((later) => setTimeout(later, 150)); // looking is work too
    const [a, b] = await Promise.all([said(one, words), said(other, words)]);
    demand(new Set(a).size === a.length && new Set(b).size === b.length, `something of "${words}" is there twice`);
    return a.length >= least && a.join('\n') === b.join('\n') && (await settled(one)) && (await settled(other)) && a;
  });
}

function demandInOrder(texts, words) {
  const numbers = texts.filter((text) => text.startsWith(words)).map((text) => Number(text.split(' ').at(-2)));
  demand(numbers.every((n, i) => i === 0 || numbers[i - 1] < n), `"${words}" came out of order: ${numbers}`);
}

async function begin(at, person) {
  await at.context.addInitScript(() => {
    if (!isSecureContext) return; // an empty page
    const { persist } = StorageManager.prototype;
    StorageManager.prototype.persist = function () {
      localStorage.setItem('asked', String(Number(localStorage.getItem('asked') ?? 0) + 1));
      return persist.call(this);
    };
  });
  await at.page.goto(invitation);
  await at.page.getByRole('button', { name: /^Join / }).click();
  await fillAccount(at.page, person);
  await at.page.getByRole('button', exact('Continue')).click();
}

async function confirmKey(at) {
  await at.page.getByRole('heading', exact('Your recovery key')).waitFor();
  at.key = (await keepKey(at.page)).join('-');
  secrets.push(at.key);
  await typeBack(at.page, at.key.split('-'));
  return at.key;
}

async function join(person) {
  const at = await device(person.username, desk);
  const { page } = at;
  await begin(at, person);
  await confirmKey(at);
  await page.getByRole('heading', { name: /^You are in/ }).waitFor();
  await page.getByRole('button', { name: /general/ }).click();
  await box(page).waitFor();
  return at;
}

async function signIn(page, person) {
  await page.getByLabel('Sign-in name', { exact: true }).fill(person.username);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', exact('Sign in')).click();
}

/** Opens another tab of a browser at the same conversation. */
async function anotherTab(at) {
  const tab = await at.context.newPage();
  await tab.goto(at.page.url());
  await box(tab).waitFor();
  return tab;
}

/** Both can write to each other, and read it. */
async function talk(one, other, words) {
  await say(one, `${words}, one way ${mark}`);
  await sees(other, `${words}, one way ${mark}`);
  await say(other, `${words}, the other ${mark}`);
  await sees(one, `${words}, the other ${mark}`);
}

const scenes = {
  async 'an account whose keys did not reach the place is finished after a crash'() {
    const at = await device(emil.username, desk);
    let uploads = 0;
    await at.context.route('**/api/manifests', (route) => {
      uploads++;
      return route.abort();
    });
    await begin(at, emil);
    await until('the keys to be made', () => uploads > 1);
    await at.page.reload();
    await until('another attempt', () => uploads > 2);
    await at.context.unroute('**/api/manifests');
    emil.key = await confirmKey(at);
    await at.page.getByRole('heading', { name: /^You are in/ }).waitFor();
    await at.context.close();
  },

  async 'keeping the messages for good is asked for once'({ i }) {
    demand((await i.page.evaluate(() => localStorage.getItem('asked'))) === '1', 'persistent storage was not asked for once');
  },

  async 'a hundred quick messages arrive in order'({ i, t }) {
    const texts = several('quick', 110);
    secrets.push(texts[7]);
    await dash(i.page, texts);
    const got = await agreed(i.page, t.page, 'quick', texts.length);
    demand(got.join() === texts.join(), 'they came in another order');
  },

  async 'two tabs write at the same time'({ i, t }) {
    const tab = await anotherTab(i);
    await Promise.all([dash(i.page, several('left', 15)), dash(tab, several('right', 15))]);
    const got = [...(await agreed(i.page, t.page, 'left', 15)), ...(await agreed(tab, t.page, 'right', 15))];
    demandInOrder(got, 'left');
    demandInOrder(got, 'right');
    await tab.close();
  },

  async 'the tab that owns the keys is closed in the midst of sending'({ i, t }) {
    const tab = await anotherTab(i);
    const hasty = dash(i.page, several('closing', 30)).catch(() => undefined);
    const calm = dash(tab, several('staying', 20));
    await message(i.page, `closing 4 ${mark}`).waitFor();
    await i.page.close();
    await Promise.all([hasty, calm]);
    i.page = tab;
    demandInOrder(await agreed(tab, t.page, 'staying', 20), 'staying');
    demandInOrder(await agreed(tab, t.page, 'closing', 5), 'closing');
  },

  async 'pages crash while they send'({ i, t }) {
    for (const round of [0, 1, 2]) {
      const words = `crash${round}`;
      const next = await i.context.newPage();
      void dash(i.page, several(words, 40)).catch(() => undefined);
      await message(i.page, `${words} ${round * 2} ${mark}`).waitFor();
      const devtools = await i.context.newCDPSession(i.page);
      devtools.send('Page.crash').catch(() => undefined);
      await new Promise((resolve) => i.page.once('crash', resolve));
      const dead = i.page;
      const address = dead.url();
      void dead.close().catch(() => undefined);
      i.page = next;
      await next.goto(address);
      await box(next).waitFor();
      await talk(next, t.page, `after crash ${round}`);
      demandInOrder(await agreed(next, t.page, words, round * 2 + 1), words);
    }
  },

  async 'the place stops and comes back while people write'({ i, t }) {
    await operator('stop');
    await Promise.all([dash(i.page, several('stopped-a', 8)), dash(t.page, several('stopped-b', 8))]);
    await message(i.page, `stopped-a 7 ${mark}`).getByText('Waiting for a connection').waitFor();
    await operator('start');
    await i.page.reload(); // what waits survives that too
    await box(i.page).waitFor();
    await Promise.all([dash(i.page, several('started-a', 8)), dash(t.page, several('started-b', 8))]);
    for (const words of ['stopped-a', 'stopped-b', 'started-a', 'started-b']) demandInOrder(await agreed(i.page, t.page, words, 8), words);
    const all = (await said(t.page, '')).filter((text) => /^(stopped|started)-a/.test(text));
    demand(all.join() === [...several('stopped-a', 8), ...several('started-a', 8)].join(), 'the later messages overtook the earlier ones');
  },

  async 'a browser that was closed for a while has everything it missed'({ i, t }) {
    const address = t.page.url();
    await t.context.close();
    await dash(i.page, several('missed', 30));
    await operator('kitchen', { username: tomas.username, text: `soup ${mark}` });
    secrets.push(`soup ${mark}`);
    Object.assign(t, await device(tomas.username, desk));
    await t.page.goto(address);
    await box(t.page).waitFor();
    demandInOrder(await agreed(i.page, t.page, 'missed', 30), 'missed');
    await openConversation(t.page, 'kitchen');
    await sees(t.page, `soup ${mark}`);
    await openConversation(t.page, 'general');
  },

  async 'leaving a channel and joining it again'({ i, t }) {
    await t.page.getByRole('button', exact('More')).click();
    await t.page.getByRole('menuitem', exact('Leave channel')).click();
    await until('Tomas to be gone from the channel', async () => (await i.page.locator('.pane-side').getByRole('button', { name: new RegExp(tomas.name) }).count()) === 0);
    await say(i.page, `without Tomas ${mark}`);
    await t.page.goto(i.page.url());
    await t.page.getByRole('button', exact('Join')).click();
    await box(t.page).waitFor();
    await talk(t.page, i.page, 'joined again');
    demand((await said(t.page, 'without')).length === 0, 'somebody read what was said while they were not in the channel');
  },

  async 'a session that is over: signing in again keeps the device and the history'({ i, t }) {
    await t.context.clearCookies();
    await t.page.reload();
    await t.page.getByText('You were signed out here').waitFor();
    await picture(t.page, '01-signed-out');
    await signIn(t.page, tomas);
    await openConversation(t.page, 'general');
    await talk(t.page, i.page, 'signed in again');
    demand((await said(t.page, 'missed')).length === 30, 'the history is gone');
  },

  async 'a session that is ended from elsewhere'({ i, t }) {
    const origin = new URL(t.page.url()).origin;
    const answer = await t.context.request.post(`${origin}/api/auth/logout`, { headers: { origin, 'content-type': 'application/json' }, data: {} });
    demand(answer.ok(), `ending the session answered ${answer.status()}`);
    await t.page.getByText('You were signed out here').waitFor();
    await signIn(t.page, tomas);
    await openConversation(t.page, 'general');
    await talk(i.page, t.page, 'ended and back');
  },

  async 'a device that is removed says so, and begins anew with its history'({ i, t }) {
    await operator('remove', { username: tomas.username, password: tomas.password, key: t.key });
    await t.page.getByRole('heading', exact('Sign in')).waitFor();
    await t.page.getByText(/You were signed out here|This browser was removed from your account/).waitFor();
    await t.page.reload();
    await t.page.getByText(/You were signed out here|This browser was removed from your account/).waitFor();
    await picture(t.page, '02-removed');
    await signIn(t.page, tomas);
    await t.page.getByText('This browser had been removed from your account').waitFor();
    await picture(t.page, '03-begin-anew');
    await t.page.getByLabel('Recovery key', { exact: true }).fill(t.key);
    await t.page.getByRole('button', exact('Unlock')).click();
    await openConversation(t.page, 'general');
    await talk(i.page, t.page, 'added again');
    demand((await said(t.page, 'missed')).length === 30, 'the history is gone');
  },

  async 'a key that was lost is asked for, and brought without another word'({ i, t }) {
    await operator('link', emil); // whenever somebody gets a new device, everybody begins a new key
    await t.context.close();
    await say(i.page, `first of a key ${mark}`);
    await say(i.page, `second of a key ${mark}`);
    await until('both to be sent', () => settled(i.page));
    await i.context.setOffline(true);
    await operator('lose', { username: tomas.username });
    Object.assign(t, await device(tomas.username, desk));
    await t.page.goto(i.page.url());
    const line = t.page.getByRole('log').getByText(/This browser has no key/);
    await line.filter({ hasText: '2 messages' }).waitFor();
    await picture(t.page, '04-no-key');
    await operator('find');
    await operator('link', emil);
    await i.context.setOffline(false);
    await sees(t.page, `first of a key ${mark}`);
    await sees(t.page, `second of a key ${mark}`);
    demand((await line.count()) === 0, 'the quiet line stayed');
    await talk(i.page, t.page, 'with new keys');
  },

  async 'a backup is put back: what came after it is told again or said again'({ i, t }) {
    await operator('backup');
    await talk(i.page, t.page, 'after the backup');
    await talk(t.page, i.page, 'and lost');
    await t.context.setOffline(true);
    await operator('restore');
    await say(i.page, `after the restore ${mark}`);
    await until('it to be sent', () => settled(i.page));
    await t.context.setOffline(false);
    await sees(t.page, `after the restore ${mark}`);
    await talk(t.page, i.page, 'both restored');
  },

  async 'a frozen tab gives the keys up, and follows when it wakes'({ i, t }) {
    const tab = await anotherTab(i);
    const devtools = await i.context.newCDPSession(i.page);
    await tab.bringToFront();
    // Chromium freezes only the page when told to; its worker sleeps just as deeply, until well after somebody has lost patience.
    const sleep = i.page.workers()[0].evaluate(() => Atomics.wait(new Int32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer), 0, 0, 27_000));
    let awake = false;
    const woken = sleep.catch(() => undefined).then(() => (awake = true)); // it is ended as soon as it wakes
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    await dash(tab, several('frozen', 5));
    demandInOrder(await agreed(tab, t.page, 'frozen', 5), 'frozen');
    await say(t.page, `to the frozen ${mark}`);
    await sees(tab, `to the frozen ${mark}`);
    demand(!awake, 'the other tab waited until the frozen one woke');
    await woken;
    await devtools.send('Page.setWebLifecycleState', { state: 'active' });
    await i.page.bringToFront();
    await sees(i.page, `to the frozen ${mark}`);
    await Promise.all([dash(i.page, several('thawed-a', 10)), dash(tab, several('thawed-b', 10))]);
    for (const words of ['thawed-a', 'thawed-b']) demandInOrder(await agreed(i.page, t.page, words, 10), words);
    await talk(t.page, tab, 'at the end');
  },
};

journey(async () => {
  const [i, t] = await Promise.all([join(ines), join(tomas)]);
  secrets.push(ines.password, tomas.password);
  await talk(i.page, t.page, 'hello');
  const only = process.env.CHATALOT_SCENE?.split('|'); // words of the scenes to play; all without it
  for (const [name, scene] of Object.entries(scenes)) {
    if (only?.some((words) => name.includes(words)) === false) continue;
    const began = Date.now();
    await scene({ i, t });
    step(`${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  }
  return { secrets };
});
