// The screens as a person uses them: by the words on them.
import { demand, until } from './browser.mjs';

const exact = (name) => ({ name, exact: true });

/** Fills in who one is, in setup and in joining. */
export async function fillAccount(page, { name, username, password }) {
  await page.getByLabel('Your name', { exact: true }).fill(name);
  await page.getByLabel('Sign-in name', { exact: true }).fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
}

/** Reads the recovery key off the screen, promises to keep it, and types back what is asked for. Returns its seven groups. */
export async function keepKey(page) {
  const groups = await until('the recovery key', async () => {
    const shown = await page.locator('.reckey-grid > *').allInnerTexts();
    return shown.length === 7 && shown.every((group) => group.trim().length === 4) ? shown.map((group) => group.trim()) : null;
  });
  await page.getByRole('checkbox').check();
  await page.getByRole('button', exact('Continue')).click();
  await page.getByRole('heading', exact('Check your copy')).waitFor();
  return groups;
}

/** Types back the groups that the screen asks for: its labels say which. */
export async function typeBack(page, groups) {
  for (const input of await page.locator('form input:not([type=checkbox])').all()) {
    const label = await input.evaluate((element) => element.labels?.[0]?.innerText ?? element.getAttribute('aria-label') ?? '');
    const number = Number(/\d/u.exec(label)?.[0]);
    demand(number >= 1 && number <= 7, `the field "${label}" names no group`);
    await input.fill(groups[number - 1]);
  }
  await page.getByRole('button', exact('Check')).click();
}

/** Opens a conversation from whatever list is on the screen. */
export async function openConversation(page, name) {
  await page.locator('a[href^="/c/"]').filter({ hasText: name }).first().click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
}

/** Writes a message and sends it, by Enter or, on a phone, by the arrow; shown is what stands in its row then. */
export async function say(page, text, shown = text) {
  const box = page.getByRole('textbox', { name: /^Message / });
  await box.fill(text);
  if (await page.evaluate(() => matchMedia('(pointer: coarse)').matches)) await page.getByRole('button', exact('Send')).click();
  else await box.press('Enter');
  await message(page, shown).waitFor();
}

/** The row or bubble that says text. */
export const message = (page, text) => page.getByRole('log').getByRole('article').filter({ hasText: text });

/** Waits until text is on the screen, once. */
export async function sees(page, text) {
  await message(page, text).first().waitFor();
  demand((await message(page, text).count()) === 1, `"${text}" is on the screen more than once`);
}

/** Waits until the place has an own message. */
export async function sent(page, text) {
  await until(`"${text}" was sent`, async () => (await message(page, text).locator('.msg-state').count()) === 0 && !(await message(page, text).evaluate((row) => row.classList.contains('is-sending'))));
}
