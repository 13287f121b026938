// A channel with ten thousand messages: receiving and opening them all, opening the channel, and paging up to its beginning.
import { demand, desk, device, journey, step, until, url } from './browser.mjs';
import { ines, invitation, join, median } from './figures.mjs';
import { openConversation } from './screens.mjs';

const friends = process.env.CHATALOT_FRIENDS;
const times = 21;

async function ask(path) {
  const answer = await fetch(friends + path, { method: 'POST' });
  const text = await answer.text();
  demand(answer.ok, `the friends could not ${path}: ${text}`);
  return JSON.parse(text);
}

/** How many messages of a conversation this browser keeps. */
const kept = (page, conv) => page.evaluate(async (id) => {
  const databases = await indexedDB.databases();
  const { name } = databases.find((one) => one.name.startsWith('chatalot-'));
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const db = await done(indexedDB.open(name));
  const count = await done(db.transaction('messages').objectStore('messages').index('order').count(IDBKeyRange.bound([id, 0], [id, Infinity])));
  db.close();
  return count;
}, conv);

/** Clicks a conversation and tells how long it took until its last message had been painted, in milliseconds, and whether it can be seen. */
const paint = (page, conv, words) => page.evaluate(({ id, text }) => new Promise((resolve) => {
  const last = () => [...document.querySelectorAll('[role="log"] article')].at(-1);
  const there = () => last()?.textContent.includes(text) === true;
  const seen = () => {
    const row = last().getBoundingClientRect();
    const box = document.querySelector('[role="log"]').getBoundingClientRect();
    return row.height > 0 && row.top >= box.top && row.bottom <= box.bottom + 1;
  };
  const painted = () => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve({ took: performance.now() - begun, seen: seen() });
    requestAnimationFrame(() => port2.postMessage(null)); // the message comes after the frame has been drawn
  };
  const observer = new MutationObserver(() => {
    if (!there()) return;
    observer.disconnect();
    painted();
  });
  observer.observe(document.body, { childList: true, subtree: true, characterData: true });
  const begun = performance.now();
  document.querySelector(`a[href="/c/${id}"]`).click();
}), { id: conv, text: words });

/** Pages up until the beginning is there, a page every fourth frame, and returns the length of every frame, in milliseconds. */
const climb = (page) => page.evaluate(async () => {
  const log = document.querySelector('[role="log"]');
  const frames = [];
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  let before = await frame();
  for (let i = 1; document.querySelector('[data-key="start"]') === null; i++) {
    if (i % 4 === 0) log.scrollTop -= log.clientHeight * 0.9;
    const now = await frame();
    frames.push(now - before);
    before = now;
    if (frames.length > 60_000) throw new Error('the beginning never came');
  }
  return frames;
});

journey(async () => {
  const member = await device('member', desk);
  await join(member.page, invitation, ines);
  const quiet = (await ask('/direct')).conversation;
  await member.page.locator(`a[href="/c/${quiet}"]`).click();
  await member.page.getByRole('log').getByRole('article').first().waitFor();
  await member.context.close();

  step('friends write while this browser is closed');
  const { conversation, messages, last } = await ask('/talk');

  step('coming back: everything is received and opened');
  const { page } = await device('member', desk);
  await page.goto(`${url}/c/${quiet}`);
  await page.getByRole('textbox', { name: /^Message / }).waitFor();
  const begun = Date.now();
  const had = await kept(page, conversation);
  await until('all messages to be here', async () => (await kept(page, conversation)) >= messages, 300_000);
  const received = (messages - had) / ((Date.now() - begun) / 1000);
  await page.locator(`a[href="/c/${conversation}"] .count`).waitFor();
  step(`received and opened ${Math.round(received)} messages a second, ${had} had come before`);

  step('opening the channel');
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  // What the page's thread really worked, in milliseconds: it tells a slow app from a machine that is busy with something else.
  const work = async () => (await devtools.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value * 1000;
  const goThere = async () => {
    const before = await work();
    const { took, seen } = await paint(page, conversation, last);
    const worked = (await work()) - before;
    await page.waitForTimeout(300);
    await openConversation(page, 'Nora');
    await page.waitForTimeout(300);
    return { took, seen, worked };
  };
  const unread = await page.evaluate((id) => new Promise((resolve) => {
    const begin = performance.now();
    const observer = new MutationObserver(() => {
      if (document.querySelector('[role="log"] [data-key="unread"]') === null && document.querySelectorAll('[role="log"] article').length < 5) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin)));
    });
    observer.observe(document.body, { childList: true, subtree: true });
    document.querySelector(`a[href="/c/${id}"]`).click();
  }), conversation);
  const present = page.getByRole('button', { name: /Jump to present|new messages/ });
  if (await present.isVisible()) await present.click();
  await page.locator(`a[href="/c/${conversation}"] .count`).waitFor({ state: 'detached' });
  await openConversation(page, 'Nora');
  const opened = [];
  for (let i = 0; i < times; i++) opened.push(await goThere());
  step(`painted after ${opened.map(({ took, worked }) => `${took.toFixed(0)} (${worked.toFixed(0)} of work)`).join(', ')} ms`);
  demand(opened.every(({ seen }) => seen), 'the last message was painted where it cannot be seen');

  step('paging up to the beginning');
  await openConversation(page, 'general');
  await page.waitForTimeout(500);
  const frames = await climb(page);
  const sorted = [...frames].sort((a, b) => a - b);
  const thirds = [0, 1, 2].map((i) => Math.max(...frames.slice(Math.floor((frames.length * i) / 3), Math.floor((frames.length * (i + 1)) / 3))));
  step(`${frames.length} frames in ${(frames.reduce((a, b) => a + b, 0) / 1000).toFixed(1)} s; the longest of each third ${thirds.map(Math.round).join(', ')} ms`);
  return {
    received, unread, opened: median(opened.map(({ took }) => took)), worked: median(opened.map(({ worked }) => worked)), slowest: Math.max(...opened.map(({ took }) => took)),
    longest: sorted.at(-1), most: sorted[Math.floor(sorted.length * 0.99)], seconds: frames.reduce((a, b) => a + b, 0) / 1000,
  };
});
