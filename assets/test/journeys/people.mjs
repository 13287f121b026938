// How people come in and go out: setting a place up, joining it, signing in, signing out, getting back to their keys; and the pages of their account.
import { demand, desk, device, setupLink, until, url } from './browser.mjs';
import { fillAccount, keepKey, typeBack } from './screens.mjs';

export const exact = (name) => ({ name, exact: true });
const mark = Math.random().toString(36).slice(2, 8);

export const nora = { name: 'Nora Lindqvist', username: 'nora', password: `seven herons over water ${mark}` };
export const tomas = { name: 'Tomas Berg', username: 'tomas', password: `a lantern in the boathouse ${mark}` };
export const ines = { name: 'Ines Carvalho', username: 'ines', password: `green oars and oranges ${mark}` };

/** Everything that must not stand on the server, as text, and what is bytes by nature, in base64. */
export const secrets = [nora.password, tomas.password, ines.password];
export const bytes = [];

/** Words with something in them that stands nowhere else. */
export function canary(words) {
  const text = `${words} ${Math.random().toString(36).slice(2, 12)}`;
  secrets.push(text);
  return text;
}

/** A link that stands somewhere on the screen, by what its address holds before the token. */
export function linkOn(page, kind) {
  return until(`a link to ${kind}`, async () => {
    const lines = await page.locator('.copyline span').allInnerTexts();
    const found = lines.map((text) => new RegExp(`\\S*/${kind}#[\\w-]+`, 'u').exec(text)?.[0]).find(Boolean);
    return found && `${new URL(url).origin}${found.slice(found.indexOf(`/${kind}#`))}`;
  });
}

async function keep(at, heading) {
  await at.page.getByRole('heading', exact(heading)).waitFor();
  const groups = await keepKey(at.page);
  secrets.push(groups.join('-'), groups.join(''));
  at.key = groups.join('-');
  await typeBack(at.page, groups);
}

/** Sets the place up as Nora, who also gets an invitation for the others. */
export async function setUp() {
  const at = await device(nora.username, desk);
  const { page } = at;
  await page.goto(setupLink.replace(new URL(setupLink).origin, new URL(url).origin));
  await page.getByLabel('Name', { exact: true }).fill('Birch Lane');
  await page.getByRole('button', exact('Continue')).click();
  await fillAccount(page, nora);
  await page.getByRole('button', exact('Continue')).click();
  await keep(at, 'Save your recovery key');
  at.invite = await linkOn(page, 'join');
  await page.getByRole('button', exact('Open Birch Lane')).click();
  await box(page).waitFor();
  return at;
}

/** Who somebody is, their recovery key, and the first look at the channel. The account form is on the screen. */
export async function register(at, person) {
  await fillAccount(at.page, person);
  await at.page.getByRole('button', exact('Continue')).click();
  await keep(at, 'Your recovery key');
  await at.page.getByRole('heading', { name: /^You are in/ }).waitFor();
}

/** Joins by an invitation and stands in general. */
export async function join(person, invite) {
  const at = await device(person.username, desk);
  await at.page.goto(invite);
  await at.page.getByRole('button', exact('Join Birch Lane')).click();
  await register(at, person);
  await at.page.getByRole('button', { name: /general/ }).click();
  await at.page.getByRole('heading', { level: 1, name: 'general' }).waitFor();
  return at;
}

export const box = (page) => page.getByRole('textbox', { name: /^Message / });

/** The first step of signing in. What comes next is on the screen then. */
export async function signIn(page, { username, password }) {
  await page.getByRole('heading', exact('Sign in')).waitFor();
  await page.getByLabel('Sign-in name', { exact: true }).fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', exact('Sign in')).click();
}

/** Gets back to one's messages on a device without keys. */
export async function unlock(page, key) {
  await page.getByRole('heading', exact('Unlock your messages')).waitFor();
  await page.getByLabel('Recovery key', { exact: true }).fill(key);
  await page.getByRole('button', exact('Unlock')).click();
  await inChat(page);
}

export const inChat = (page) => page.getByRole('navigation', exact('Conversations')).waitFor();

/** A new recovery key in the place of the one that was used. */
export async function keepNewKey(at) {
  await keep(at, 'Your new recovery key');
  await at.page.getByRole('heading', exact('Check your copy')).waitFor({ state: 'detached' });
}

/** Opens a page of the settings or, through them, of looking after the place. */
export async function openSettings(page, section) {
  const settings = page.getByRole('navigation', exact('Settings'));
  if ((await settings.count()) === 0) await page.getByRole('button', exact('Settings')).last().click();
  await settings.getByRole('button', { name: new RegExp(`^${section}`) }).click();
}

export async function openAdmin(page, section) {
  const admin = page.getByRole('navigation', exact('Look after Birch Lane'));
  if ((await admin.count()) === 0) await openSettings(page, 'Look after this place');
  await admin.getByRole('button', { name: new RegExp(`^${section}`) }).click();
  await page.getByRole('heading', { level: 1, name: section }).waitFor();
}

/** What the menu of somebody in the admins' table of people offers. */
export async function choose(page, person, action) {
  await page.getByRole('button', exact(`Actions for ${person.name}`)).click();
  await page.getByRole('menuitem', exact(action)).click();
}

export const leavePages = (page) => page.getByRole('button', exact('Back to chats')).click();

/** Shows that it is oneself when that is asked, until what is waited for is there. */
export async function proving(page, password, wanted) {
  const asked = page.getByRole('dialog', exact('Show that it is you'));
  await asked.or(wanted).first().waitFor();
  if (!(await asked.isVisible())) return;
  await asked.getByLabel('Password', { exact: true }).fill(password);
  await asked.getByRole('button', exact('Continue')).click();
  await wanted.first().waitFor();
}

/** Signs out on this device, which takes the keys with it. */
export async function signOut(page) {
  await openSettings(page, 'Devices');
  await page.getByRole('button', exact('Sign out on this device')).click();
  await page.getByRole('alertdialog').getByRole('button', exact('Sign out')).click();
  await page.getByRole('heading', exact('Sign in')).waitFor();
}

/** Waits until the screen says what is wrong, at an input or above all of them. */
export const complains = (page) => page.locator('.error, [role=alert]').first().waitFor();

export const toast = (page, words) => page.locator('.toast-text').filter({ hasText: words });

/** The route answers and how long they took to be on the screen: within is in milliseconds. */
export async function within(milliseconds, words, began, check) {
  await check();
  const took = Date.now() - began;
  demand(took <= milliseconds, `${words} took ${took} ms, want ${milliseconds} at most`);
  return took;
}
