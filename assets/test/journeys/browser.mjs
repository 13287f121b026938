// What the journeys share: real Chromium profiles, pictures of every screen, and waiting for what a person would wait for.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const need = (name) => process.env[name] ?? (() => { throw new Error(`${name} is not set: journeys are run by go test ./app/browser`); })();

export const url = need('CHATALOT_URL');
export const setupLink = need('CHATALOT_SETUP');
const pictures = need('CHATALOT_PICTURES');
const profiles = need('CHATALOT_PROFILES');
mkdirSync(pictures, { recursive: true });

export const desk = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const open = [];
const complaints = [];

/** A browser of its own, as on a device of its own. Everything its pages complain about fails the journey at its end. */
export async function device(name, size) {
  const touch = size === phone;
  const context = await chromium.launchPersistentContext(join(profiles, name), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: flags, viewport: size, hasTouch: touch, isMobile: touch, colorScheme: 'light', locale: 'en-GB',
  });
  context.setDefaultTimeout(30_000);
  // What the content security policy or Trusted Types held back: watched on the console as every error is.
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error('securitypolicyviolation', event.effectiveDirective, event.blockedURI, event.sourceFile, event.lineNumber), true);
  });
  open.push(context);
  context.on('page', (page) => watch(page, name));
  const page = context.pages()[0] ?? (await context.newPage());
  watch(page, name);
  return { context, page, name };
}

const watched = new WeakSet();
function watch(page, name) {
  if (watched.has(page)) return;
  watched.add(page);
  page.on('pageerror', (error) => complaints.push(`${name}: ${error.message}`));
  page.on('console', (message) => {
    // A refused request (wrong password, no network) is also told on the console; what matters of those is what the screen says.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource') && !message.text().includes('ERR_INTERNET_DISCONNECTED') && !message.text().includes('WebSocket connection to')) {
      complaints.push(`${name}: ${message.text()}`);
    }
  });
}

/** Pictures of a screen, light and dark: at phone and desk size, or only as the page is, for screens that exist at one of them. */
export async function picture(page, name, { asIs = false } = {}) {
  const before = page.viewportSize();
  for (const [size, word] of [[phone, 'phone'], [desk, 'desk']]) {
    if (asIs && size.width !== before.width) continue;
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: join(pictures, `${name}-${word}-${colorScheme}.png`) });
    }
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: null });
  await page.setViewportSize(before);
}

export function step(words) {
  console.log(words);
}

export function demand(truth, words) {
  if (!truth) throw new Error(words);
}

/** Waits until check answers something true, which it returns. patience is in milliseconds. */
export async function until(words, check, patience = 30_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain: ${words}`);
    await new Promise((later) => setTimeout(later, 25));
  }
}

/** Runs a journey and ends its browsers; what it returns is printed last, for the Go side. */
export async function journey(run) {
  try {
    const report = await run();
    if (complaints.length > 0) throw new Error(`pages complained:\n${complaints.join('\n')}`);
    for (const context of open.splice(0)) await context.close();
    console.log(JSON.stringify(report));
  } catch (error) {
    for (const [i, context] of open.entries()) {
      for (const [j, page] of context.pages().entries()) await page.screenshot({ path: join(pictures, `failed-${i}-${j}.png`) }).catch(() => {});
    }
    console.log([...complaints, error.stack ?? String(error)].join(' | ').replaceAll('\n', ' | '));
    process.exitCode = 1;
    await Promise.all(open.map((context) => context.close().catch(() => {})));
  }
}
