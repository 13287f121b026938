// Setting a place up, inviting, joining on a phone, talking in a channel and directly, coming back, writing offline, a second tab, a second browser,
// and being removed: the whole of it, with real browsers.
import { demand, desk, device, journey, phone, picture, setupLink, step, until, url } from './browser.mjs';
import { fillAccount, keepKey, message, openConversation, say, sees, sent, typeBack } from './screens.mjs';

const secret = (words) => `${words} kingfisher-${Math.random().toString(36).slice(2, 10)}`;
const secrets = [];
const canary = (words) => {
  const text = secret(words);
  secrets.push(text);
  return text;
};
const exact = (name) => ({ name, exact: true });
const nora = { name: 'Nora Lindqvist', username: 'nora', password: 'seven herons over water' };
const tomas = { name: 'Tomas Berg', username: 'tomas', password: 'a lantern in the boathouse' };
const ines = { name: 'Ines Carvalho', username: 'ines', password: 'green oars and oranges' };
secrets.push(nora.password, tomas.password, ines.password);

async function stranger() {
  const { page, context } = await device('stranger', desk);
  await page.goto(url);
  await page.getByRole('heading', exact('This place is not set up yet')).waitFor();
  await picture(page, '01-not-set-up');
  await context.close();
}

async function setUp() {
  const at = await device('nora', desk);
  const { page } = at;
  await page.goto(setupLink);
  await page.getByLabel('Name', { exact: true }).fill('Birch Lane');
  await picture(page, '02-setup-name');
  await page.getByRole('button', exact('Continue')).click();
  await fillAccount(page, nora);
  await picture(page, '03-setup-account');
  await page.getByRole('button', exact('Continue')).click();
  await page.getByRole('heading', exact('Save your recovery key')).waitFor();
  await picture(page, '04-setup-key');
  const groups = await keepKey(page);
  secrets.push(groups.join('-'), groups.join(''));
  await picture(page, '05-setup-key-check');
  await typeBack(page, groups.map(() => '0000'));
  await page.getByText('That is not what the key says').waitFor();
  await typeBack(page, groups);
  await page.getByRole('heading', exact('Invite your people')).waitFor();
  const link = await until('an invitation', () => page.evaluate(() => [...document.querySelectorAll('input, output, code, span, p, a')].map((e) => e.value || e.getAttribute('href') || e.textContent).map((text) => /\S*\/join#[A-Z0-9]+/u.exec(text)?.[0]).find(Boolean)));
  await picture(page, '06-setup-invite');
  await page.getByRole('button', exact('Open Birch Lane')).click();
  await page.getByRole('textbox', { name: /^Message / }).or(page.getByText('general').first()).first().waitFor();
  return { ...at, invite: link.startsWith('http') ? link : `http://${link}` };
}

async function join(person, invite, size, pictures) {
  const at = await device(person.username, size);
  const { page } = at;
  await page.goto(invite);
  await page.getByText(`${nora.name} invites you to`).waitFor();
  if (pictures) await picture(page, '10-join-invited');
  await page.getByRole('button', exact('Join Birch Lane')).click();
  await fillAccount(page, person);
  if (pictures) await picture(page, '11-join-account');
  await page.getByRole('button', exact('Continue')).click();
  await page.getByRole('heading', exact('Your recovery key')).waitFor();
  if (pictures) await picture(page, '12-join-key');
  const groups = await keepKey(page);
  secrets.push(groups.join('-'), groups.join(''));
  await typeBack(page, groups);
  await page.getByRole('heading', { name: /^You are in/ }).waitFor();
  if (pictures) await picture(page, '13-join-done');
  await page.getByRole('button', { name: /general/ }).click();
  await page.getByRole('heading', { level: 1, name: 'general' }).waitFor();
  return { ...at, key: groups.join('-') };
}

journey(async () => {
  step('a stranger without the link gets nothing');
  await stranger();

  step('the setup wizard');
  const n = await setUp();

  step('joining on a phone');
  const t = await join(tomas, n.invite, phone, true);
  const i = await join(ines, n.invite, desk, false);

  step('talking in a channel');
  await openConversation(n.page, 'general');
  const hello = canary('Hello everybody');
  await say(n.page, hello);
  await sees(t.page, hello);
  await sees(i.page, hello);
  const answer = canary('Hello from the phone, **boldly**');
  await say(t.page, answer.replaceAll('*', ''));
  await sees(n.page, answer.replaceAll('*', ''));
  await sees(i.page, answer.replaceAll('*', ''));
  secrets.push(answer.replaceAll('*', ''));
  const calling = canary('are you coming');
  await say(i.page, `@nora ${calling}`, calling);
  await n.page.locator('.msg.is-mention').filter({ hasText: `@${nora.name} ${calling}` }).waitFor();
  await picture(n.page, '20-channel');
  await picture(t.page, '21-channel-phone');

  step('reply, react, edit, delete');
  const pointed = message(n.page, answer.replaceAll('*', ''));
  await pointed.hover();
  await pointed.getByRole('toolbar', exact('Message actions')).getByRole('button', { name: /^React with/ }).first().click();
  await message(t.page, answer.replaceAll('*', '')).locator('.reacts button[aria-pressed]').first().waitFor();
  const edited = canary('Hello everybody, once more');
  await n.page.getByRole('textbox', { name: /^Message / }).press('ArrowUp');
  await n.page.getByRole('textbox', exact('Edit your message')).fill(edited);
  await n.page.getByRole('textbox', exact('Edit your message')).press('Enter');
  await sees(t.page, edited);
  await message(t.page, edited).getByText('(edited)').waitFor();

  step('a direct message');
  await n.page.getByRole('button', exact('New message')).click();
  await n.page.getByRole('dialog').getByRole('button', { name: /Tomas Berg/ }).click();
  await n.page.getByRole('heading', { level: 1, name: tomas.name }).waitFor();
  const direct = canary('Only for you');
  await say(n.page, direct);
  await t.page.getByRole('button', { name: /^Back to chats/ }).click();
  await t.page.locator('a[href^="/c/"]').filter({ hasText: nora.name }).waitFor();
  await picture(t.page, '22-phone-list', { asIs: true });
  await openConversation(t.page, nora.name);
  await sees(t.page, direct);
  const back = canary('And back');
  await say(t.page, back);
  await sees(n.page, back);
  await picture(n.page, '23-dm');

  step('reload: everything is still there, once');
  await n.page.reload();
  await sees(n.page, direct);
  await sees(n.page, back);
  await openConversation(n.page, 'general');
  await sees(n.page, edited);

  step('offline: written now, sent later, over a reload');
  await openConversation(n.page, tomas.name);
  await n.context.setOffline(true);
  const waiting = canary('Written without a network');
  await say(n.page, waiting);
  await message(n.page, waiting).getByText('Waiting for a connection').waitFor();
  await picture(n.page, '24-offline');
  await n.context.setOffline(false);
  await sent(n.page, waiting);
  await sees(t.page, waiting);

  step('a second tab follows the first');
  const tab = await n.context.newPage();
  await tab.goto(n.page.url());
  await sees(tab, waiting);
  const fromTab = canary('From the second tab');
  await say(tab, fromTab);
  await sees(t.page, fromTab);
  await sees(n.page, fromTab);
  await n.page.close();
  const alone = canary('The first tab is closed');
  await say(tab, alone);
  await sees(t.page, alone);
  n.page = tab;

  step('a second browser, with the recovery key');
  const second = await device('tomas-laptop', desk);
  await second.page.goto(url);
  await picture(second.page, '30-login');
  await second.page.getByLabel('Sign-in name', { exact: true }).fill(tomas.username);
  await second.page.getByLabel('Password', { exact: true }).fill('not the password at all');
  await second.page.getByRole('button', exact('Sign in')).click();
  await second.page.getByText('do not belong together').waitFor();
  await second.page.getByLabel('Password', { exact: true }).fill(tomas.password);
  await second.page.getByRole('button', exact('Sign in')).click();
  await second.page.getByRole('heading', exact('Unlock your messages')).waitFor();
  await picture(second.page, '31-unlock');
  await second.page.getByLabel('Recovery key', { exact: true }).fill(t.key);
  await second.page.getByRole('button', exact('Unlock')).click();
  await openConversation(second.page, nora.name);
  const both = canary('To both of your devices');
  await say(n.page, both);
  await sees(t.page, both);
  await sees(second.page, both);
  const laptop = canary('From the laptop');
  await say(second.page, laptop);
  await sees(n.page, laptop);
  await sees(t.page, laptop);

  step('a removed member sees nothing new');
  await openConversation(n.page, 'general');
  await n.page.locator('.pane-side').getByRole('button', { name: new RegExp(ines.name) }).click();
  await n.page.getByRole('dialog').getByRole('button', exact('Remove from this channel')).click();
  await n.page.getByRole('alertdialog').getByRole('button', exact('Remove')).click();
  await n.page.getByRole('alertdialog').waitFor({ state: 'detached' });
  await i.page.locator('a[href^="/c/"]').filter({ hasText: 'general' }).waitFor({ state: 'detached' });
  const after = canary('Without Ines');
  await say(n.page, after);
  await openConversation(second.page, 'general');
  await sees(second.page, after);
  demand((await message(i.page, after).count()) === 0, 'a removed member saw a message');
  await picture(i.page, '40-removed');

  return { secrets };
});
