// Looking after a place: the overview, pausing somebody and bringing them back, reset links, who may join, invitations, the log; and accounts that end.
import { demand, desk, device, journey, picture, step, until, url } from './browser.mjs';
import { bytes, canary, choose, complains, exact, inChat, ines, join, leavePages, linkOn, nora, openAdmin, openSettings, proving, register, secrets, setUp, signIn, toast, tomas, unlock, within } from './people.mjs';
import { message, openConversation, say, sees } from './screens.mjs';

const paused = /Tomas Berg’s account is paused by an admin of this place/;

async function agree(page, action, wanted) {
  await page.getByRole('alertdialog').getByRole('button', exact(action)).click();
  await proving(page, nora.password, wanted);
}

/** Both write to each other in the open conversation, and read it. */
async function talk(one, other, words) {
  for (const [from, to, text] of [[one, other, canary(`${words}, one way`)], [other, one, canary(`${words}, the other`)]]) {
    await say(from, text);
    await sees(to, text);
  }
}

async function directly(page, name) {
  await page.getByRole('button', exact('New message')).click();
  await page.getByRole('dialog').getByRole('button', { name: new RegExp(name) }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
}

async function look(n) {
  await openAdmin(n.page, 'Overview');
  await n.page.getByRole('heading', exact('Health check')).waitFor();
  demand((await n.page.locator('.doc').count()) > 3, 'the health check shows nothing');
  await picture(n.page, '01-overview');
  const again = n.page.getByRole('button', exact('Check again'));
  await again.click();
  await until('another check', async () => (await again.getAttribute('aria-busy')) !== 'true');
  await openAdmin(n.page, 'People');
  demand((await n.page.getByRole('row').count()) === 4, 'the table does not hold three people');
  await picture(n.page, '02-people');
}

async function pause(n, t, i) {
  await choose(n.page, tomas, 'Pause account');
  await picture(n.page, '03-pause');
  await n.page.getByRole('alertdialog').getByRole('button', exact('Pause account')).click();
  const answered = n.page.waitForResponse((response) => response.url().includes('/api/admin/users/') && response.ok()).then(() => Date.now());
  await proving(n.page, nora.password, toast(n.page, 'is paused'));
  await within(1000, 'pausing somebody', await answered, () => t.page.getByRole('heading', exact('Sign in')).waitFor());
  await picture(n.page, '04-people-paused');
  await t.page.reload();
  await signIn(t.page, tomas);
  await t.page.getByText('This account is paused.').waitFor();
  await picture(t.page, '05-paused');
  await leavePages(n.page);
  await openConversation(n.page, tomas.name);
  await n.page.getByText(paused).waitFor();
  demand((await n.page.getByRole('textbox', { name: /^Message / }).count()) === 0, 'one can write to somebody who is paused');
  await picture(n.page, '06-dm-paused');
  await openConversation(n.page, 'general');
  const without = canary('While he is paused');
  await say(i.page, without);
  await sees(n.page, without);
  return without;
}

async function bringBack(n, t, i, without) {
  await openAdmin(n.page, 'People');
  await choose(n.page, tomas, 'Bring back');
  await proving(n.page, nora.password, toast(n.page, 'is back'));
  await leavePages(n.page);
  await signIn(t.page, tomas);
  await inChat(t.page);
  for (const page of [n.page, t.page]) await openConversation(page, 'general');
  await talk(n.page, t.page, 'In the channel again');
  await talk(t.page, i.page, 'All of us again');
  demand((await message(t.page, without).count()) === 0, 'somebody reads what was said while they were paused');
  await openConversation(n.page, tomas.name);
  await openConversation(t.page, nora.name);
  await talk(t.page, n.page, 'Directly again');
}

async function resetLink(n, t) {
  await openAdmin(n.page, 'People');
  await choose(n.page, tomas, 'Make a reset link');
  await picture(n.page, '10-reset-ask');
  await agree(n.page, 'Make the link', n.page.getByRole('dialog', { name: /^A new password for/ }));
  const link = await linkOn(n.page, 'reset');
  secrets.push(link.slice(link.indexOf('#') + 1));
  await picture(n.page, '11-reset-link');
  await n.page.getByRole('dialog').getByRole('button', exact('Done')).click();
  const at = await device('tomas-reset', desk);
  await at.page.goto(link);
  await at.page.getByLabel('New password', { exact: true }).fill(canary('a lamp in the attic'));
  await picture(at.page, '12-reset');
  await at.page.getByRole('button', exact('Set the new password')).click();
  await unlock(at.page, t.key);
  await t.page.getByText('You were signed out here').waitFor();
  await openConversation(at.page, 'general');
  const back = canary('By the link of the admin');
  await say(at.page, back);
  const late = await device('somebody-late', desk);
  await late.page.goto(link);
  await late.page.getByRole('heading', exact('This link does not work any more')).waitFor();
  await picture(late.page, '13-reset-gone');
  await late.context.close();
}

async function chooseMode(page, title) {
  const choice = page.getByRole('radio', { name: new RegExp(`^${title}`) });
  await choice.click();
  await proving(page, nora.password, toast(page, 'It holds from now on'));
  demand(await choice.isChecked(), `"${title}" is not chosen`);
  await page.locator('.toast').getByRole('button', exact('Close')).first().click();
}

async function openDoor(n) {
  await openAdmin(n.page, 'Invitations');
  await n.page.getByRole('radio').first().waitFor();
  await picture(n.page, '20-invitations');
  await chooseMode(n.page, 'Anybody who finds this address');
  const emil = { name: 'Emil Moreau', username: 'emil', password: canary('nine lives and a ladder') };
  const at = await device('emil', desk);
  await at.page.goto(url);
  await picture(at.page, '21-login-open');
  await at.page.getByRole('button', exact('Create an account')).click();
  await register(at, emil);
  await at.page.getByRole('button', exact('Open my chats')).click();
  await inChat(at.page);
  await chooseMode(n.page, 'By invitation');
  const late = await device('somebody-else', desk);
  await late.page.goto(url);
  await late.page.getByRole('heading', exact('Sign in')).waitFor();
  await late.page.getByText('Forgot your password?').waitFor();
  demand((await late.page.getByRole('button', exact('Create an account')).count()) === 0, 'the door is still open');
  await n.page.getByRole('button', { name: /^Withdraw the invitation to/ }).first().click();
  await agree(n.page, 'Withdraw', n.page.getByText('There is no invitation just now.'));
  await late.page.goto(n.invite);
  await late.page.getByRole('heading', { level: 1 }).waitFor();
  await complainsOrGone(late.page);
  await picture(late.page, '22-invitation-gone');
  await late.context.close();
}

const complainsOrGone = (page) => page.getByText(/does not work any more|no longer works|expired|used up|withdrawn/i).first().waitFor();

async function leaveForGood(n, i) {
  await i.page.getByRole('button', exact('Birch Lane: menu')).first().click();
  await i.page.getByRole('menuitem', exact('New community')).click();
  await i.page.getByLabel('Name', { exact: true }).fill('Rowing club');
  await i.page.getByRole('button', exact('Create community')).click();
  await i.page.getByRole('dialog').waitFor({ state: 'detached' });
  await i.page.getByRole('button', exact('Birch Lane: menu')).first().click();
  await i.page.getByRole('menuitem', exact('Invite people')).click();
  await i.page.getByRole('dialog', exact('Invite people to Rowing club')).getByRole('button', exact('Make a link')).click();
  const link = await linkOn(i.page, 'join');
  await i.page.getByRole('dialog').getByRole('button', exact('Close')).first().click();
  await n.page.goto(link);
  await n.page.locator('.toast').getByRole('button', exact('Join')).click();
  await n.page.locator('.pane-list').getByText('Rowing club').first().waitFor();
  await openSettings(i.page, 'Account security');
  await i.page.getByRole('button', exact('Delete account')).click();
  const dialog = i.page.getByRole('dialog', exact('Delete your account'));
  await dialog.getByText('First, hand over what you own').waitFor();
  await picture(i.page, '30-delete');
  await dialog.getByLabel('New owner of Rowing club').selectOption({ label: nora.name });
  await dialog.getByRole('button', exact('Hand over')).click();
  const asked = i.page.getByRole('dialog', exact('Show that it is you'));
  await asked.getByLabel('Password', { exact: true }).fill(ines.password);
  await asked.getByRole('button', exact('Continue')).click();
  await dialog.getByText('First, hand over what you own').waitFor({ state: 'detached' });
  await dialog.getByLabel('Type your sign-in name to go on').fill(ines.username);
  await picture(i.page, '31-delete-ready');
  await dialog.getByRole('button', exact('Delete account')).click();
  await proving(i.page, ines.password, i.page.getByRole('heading', exact('Sign in')));
  await picture(i.page, '32-deleted');
  await openConversation(n.page, 'general');
  await n.page.getByRole('log').getByText('Deleted account').first().waitFor();
  await picture(n.page, '33-deleted-account');
  await signIn(i.page, ines);
  await complains(i.page);
}

async function readLog(n) {
  await openAdmin(n.page, 'Audit log');
  const log = n.page.getByRole('region', exact('Entries'));
  for (const words of ['nora paused the account of tomas', 'nora brought the account of tomas back', 'nora made a reset link for tomas',
    'tomas chose a new password by a reset link', 'nora changed who may join', 'nora withdrew an invitation', 'emil joined', 'Deleted account handed a community over to nora',
    'Deleted account deleted their account', 'nora set this place up']) {
    await log.getByText(words).first().waitFor({ timeout: 5000 }).catch(() => { throw new Error(`the audit log does not say "${words}"`); });
  }
  await picture(n.page, '40-audit');
}

journey(async () => {
  step('setting up, and two join');
  const n = await setUp();
  const t = await join(tomas, n.invite);
  const i = await join(ines, n.invite);
  await talk(n.page, t.page, 'At first');
  await say(i.page, canary('I was here'));
  await directly(n.page, tomas.name);
  const hello = canary('Only for you');
  await say(n.page, hello);
  await openConversation(t.page, nora.name);
  await sees(t.page, hello);

  step('the overview and the people');
  await look(n);
  step('somebody is paused');
  const without = await pause(n, t, i);
  step('and brought back');
  await bringBack(n, t, i, without);
  step('a reset link');
  await resetLink(n, t);
  step('who may join');
  await openDoor(n);
  step('an account ends');
  await leavePages(n.page);
  await leaveForGood(n, i);
  step('the log');
  await readLog(n);
  return { secrets, bytes };
});
