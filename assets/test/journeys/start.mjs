// How long the first screens take on a slow phone: Chromium's own timings with its processor slowed down, and nothing in the cache.
import { desk, device, journey, step, until, url } from './browser.mjs';
import { comeBack, ines, invitation, join, median } from './figures.mjs';

const slower = 6;
const times = 5;

/** Notes in the page when what is looked for has been painted, in milliseconds since the navigation began. */
function watch(selector) {
  const look = () => {
    if (document.querySelector(selector) === null) return requestAnimationFrame(look);
    requestAnimationFrame(() => {
      globalThis.usable = performance.now();
    });
  };
  requestAnimationFrame(look);
}

/** When the core stood in the worker, as a time since the epoch: it leaves a mark. */
const cored = (page) => until('the core', async () => {
  const [worker] = page.workers();
  return worker?.evaluate(() => performance.getEntriesByName('core').map((mark) => performance.timeOrigin + mark.startTime)[0]);
});

async function measure({ context, page }, address, selector) {
  const devtools = await context.newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: slower });
  await page.addInitScript(watch, selector);
  await page.goto(address);
  await page.waitForFunction(() => globalThis.usable !== undefined && performance.getEntriesByName('first-contentful-paint').length > 0);
  const { paint, usable, origin } = await page.evaluate(() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime, usable: globalThis.usable, origin: performance.timeOrigin,
  }));
  return { paint, usable, core: (await cored(page)) - origin };
}

const medians = (runs) => Object.fromEntries(['paint', 'usable', 'core'].map((what) => [what, median(runs.map((run) => run[what]))]));

async function login() {
  const runs = [];
  for (let i = 0; i < times; i++) {
    const at = await device(`stranger-${i}`, desk);
    runs.push(await measure(at, url, 'input[autocomplete="current-password"]:enabled'));
    await at.context.close();
  }
  return medians(runs);
}

async function chat() {
  const runs = [];
  let at = await device('member', desk);
  await join(at.page, invitation, ines);
  for (let i = 0; i < times; i++) {
    at = await comeBack(at);
    runs.push(await measure(at, url, '.composer textarea'));
  }
  return medians(runs);
}

journey(async () => {
  step(`opening the sign-in page ${times} times, the page's processor ${slower} times slower`);
  const stranger = await login();
  step('opening the chat as a member who has been here before');
  return { login: stranger, chat: await chat() };
});
