// What the journeys that measure share: whoever comes by invitation, everything that goes over the wire, and medians.
import { demand, desk, device, until } from './browser.mjs';
import { fillAccount, keepKey, typeBack } from './screens.mjs';

const exact = (name) => ({ name, exact: true });

export const invitation = process.env.CHATALOT_INVITE;
export const ines = { name: 'Ines Carvalho', username: 'ines', password: 'green oars and oranges' };

/** Goes through an invitation to its end: the first conversation is open then. */
export async function join(page, invite, person) {
  await page.goto(invite);
  await page.getByRole('button', { name: /^Join / }).click();
  await fillAccount(page, person);
  await page.getByRole('button', exact('Continue')).click();
  await page.getByRole('heading', exact('Your recovery key')).waitFor();
  await typeBack(page, await keepKey(page));
  await page.getByRole('heading', { name: /^You are in/ }).waitFor();
  await page.getByRole('button', { name: /general/ }).click();
  await page.getByRole('textbox', { name: /^Message / }).waitFor();
}

/** The same browser on another day: its profile as it was left, but with nothing of the app in its cache. */
export async function comeBack({ context, page, name }) {
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.clearBrowserCache');
  await context.close();
  return device(name, desk);
}

/** How long nothing may be asked for until a page counts as loaded, in milliseconds. */
const quiet = 700;

/** Records everything that pages and workers of a browser ask for. Call what it returns once the screen is there: it waits until all of it came. */
export function traffic({ context }) {
  const asked = [];
  let last = Date.now();
  context.on('request', (request) => {
    asked.push(request);
    last = Date.now();
  });
  context.on('requestfinished', () => (last = Date.now()));
  return async () => {
    await until('the app to have loaded', () => Date.now() - last > quiet && asked.some((one) => one.url().endsWith('.wasm')));
    return Promise.all(asked.map(measure));
  };
}

async function measure(request) {
  const response = await request.response();
  demand(response !== null, `${request.url()} was never answered: ${request.failure()?.errorText}`);
  await response.finished();
  const { responseBodySize, responseHeadersSize } = await request.sizes();
  const headers = await response.allHeaders();
  // Chromium does not count the bytes of a worker's own script; its length is told all the same.
  const body = responseBodySize || Number(headers['content-length'] ?? 0);
  return { url: request.url(), status: response.status(), type: headers['content-type'] ?? '', encoding: headers['content-encoding'] ?? '', body, headers: responseHeadersSize };
}

/** What the browser itself says it could not paint without. */
export const blocking = (page) => page.evaluate(() => performance.getEntriesByType('resource').filter((one) => one.renderBlockingStatus === 'blocking').map((one) => one.name));

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
