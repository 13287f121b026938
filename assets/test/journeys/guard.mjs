// How an account is guarded: two-step codes, backup codes, a device that is trusted, passkeys, and a password that strangers guess at.
import { demand, desk, device, journey, picture, step, until, url } from './browser.mjs';
import { Authenticator, passkeyHolder } from './otp.mjs';
import { bytes, canary, choose, complains, exact, join, nora, openAdmin, openSettings, proving, secrets, setUp, signIn, signOut, toast, tomas, unlock } from './people.mjs';
import { openConversation, say, sees } from './screens.mjs';

const codeField = (page) => page.getByLabel('Six digit code', { exact: true });

async function switchOn({ page }) {
  await openSettings(page, 'Account security');
  await page.getByText('A code from your phone, after the password').waitFor();
  await picture(page, '01-security');
  await page.getByRole('button', exact('Switch on two-step codes')).click();
  const dialog = page.getByRole('dialog', exact('Switch on two-step codes'));
  await proving(page, tomas.password, dialog);
  const secret = (await dialog.locator('.secret code span').allInnerTexts()).join('').replaceAll(/\s/gu, '');
  demand(/^[A-Z2-7]{26,}$/u.test(secret), 'there is no secret to type');
  const app = new Authenticator(secret);
  secrets.push(secret);
  bytes.push(app.key.toString('base64'));
  await picture(page, '02-two-step-begin');
  await codeField(page).fill(app.wrong());
  await dialog.getByRole('alert').first().waitFor();
  await picture(page, '03-two-step-wrong');
  await codeField(page).fill(await app.next());
  const kept = page.getByRole('alertdialog', exact('Two-step codes are on'));
  await kept.waitFor();
  const codes = await kept.getByRole('list', exact('Backup codes')).getByRole('listitem').allInnerTexts();
  demand(codes.length === 10 && new Set(codes).size === 10, `there are ${codes.length} backup codes`);
  secrets.push(...codes, ...codes.map((code) => code.replaceAll('-', '')));
  await picture(page, '04-backup-codes');
  await kept.getByRole('checkbox').check();
  await kept.getByRole('button', exact('Done')).click();
  await page.getByText('Authenticator app, 10 backup codes left').waitFor();
  await picture(page, '05-security-on');
  return { app, codes };
}

async function backupCode(page, code) {
  await page.getByRole('button', exact('Use a backup code')).click();
  await page.getByLabel('Backup code', { exact: true }).fill(code);
  await page.getByRole('button', { name: /^(Continue|Try again)$/ }).click();
}

journey(async () => {
  step('setting up and joining');
  const n = await setUp();
  const t = await join(tomas, n.invite);
  const holder = await passkeyHolder(t);
  await say(t.page, canary('Before all of it'));

  step('two-step codes are switched on');
  const { app, codes } = await switchOn(t);

  step('a password is not enough any more: a wrong code, a right one');
  await signOut(t.page);
  await signIn(t.page, tomas);
  await codeAsked(t.page);
  await picture(t.page, '10-code');
  await codeField(t.page).fill(app.wrong());
  await complains(t.page);
  await picture(t.page, '11-code-wrong');
  await codeField(t.page).fill(await app.next());
  await unlock(t.page, t.key);

  step('a backup code works once');
  const tablet = await device('tomas-tablet', desk);
  await tablet.page.goto(url);
  await signIn(tablet.page, tomas);
  await codeAsked(tablet.page);
  await backupCode(tablet.page, codes[3]);
  await unlock(tablet.page, t.key);
  await signOut(tablet.page);
  await signIn(tablet.page, tomas);
  await codeAsked(tablet.page);
  await backupCode(tablet.page, codes[3]);
  await complains(tablet.page);
  await picture(tablet.page, '12-backup-used');
  await tablet.page.getByLabel('Backup code', { exact: true }).fill(codes[4].toUpperCase());
  await tablet.page.getByRole('checkbox').check();
  await tablet.page.getByRole('button', exact('Try again')).click();
  await unlock(tablet.page, t.key);

  step('a trusted device is asked for no code');
  await signOut(tablet.page);
  await signIn(tablet.page, tomas);
  await unlock(tablet.page, t.key);
  await openSettings(tablet.page, 'Account security');
  await tablet.page.getByText('Authenticator app, 8 backup codes left').waitFor();

  step('a passkey: added, used, renamed');
  await openSettings(t.page, 'Account security');
  await t.page.getByRole('button', exact('Add a passkey')).click();
  await t.page.getByLabel('Its name', { exact: true }).fill('The old phone');
  await picture(t.page, '20-passkey-name');
  await t.page.getByRole('button', exact('Continue')).click();
  await proving(t.page, tomas.password, toast(t.page, 'The old phone'));
  await t.page.getByText(/Passkey, added .*not used yet/).waitFor();
  await t.page.getByRole('button', exact('Rename the passkey The old phone')).click();
  await t.page.getByLabel('Its name', { exact: true }).fill('The blue phone');
  await t.page.getByRole('dialog').getByRole('button', exact('Rename')).click();
  await t.page.getByRole('button', exact('Rename the passkey The blue phone')).waitFor();
  await picture(t.page, '21-passkey');
  const [passkey] = await holder.held();
  bytes.push(passkey.privateKey);
  await signOut(t.page);
  await picture(t.page, '22-login');
  await t.page.getByRole('button', exact('Use a passkey')).click();
  await unlock(t.page, t.key);

  step('a stranger guesses ten times: the door is locked for them');
  const stranger = await device('stranger', desk);
  await passkeyHolder(stranger, await holder.held());
  await stranger.page.goto(url);
  let guesses = 0;
  for (; guesses < 12; guesses++) {
    const answer = stranger.page.waitForResponse((response) => response.url().endsWith('/api/auth/login'));
    const guess = `not it, number ${guesses} ${Math.random().toString(36).slice(2)}`;
    secrets.push(guess);
    await signIn(stranger.page, { ...tomas, password: guess });
    const refused = await answer;
    if (refused.status() === 429) break;
    demand(refused.status() === 401, `guess ${guesses} was answered with ${refused.status()}`);
    await stranger.page.getByText('do not belong together').waitFor();
  }
  demand(guesses === 10 || guesses === 9, `the door was locked after ${guesses} guesses`);
  await stranger.page.getByRole('button', { name: /^Try again in 1[45]/ }).waitFor();
  await stranger.page.getByText('A passkey still works while the password is locked.').waitFor();
  await picture(stranger.page, '30-locked');
  const shown = await stranger.page.getByRole('button', { name: /^Try again in/ }).innerText();
  await until('the countdown to count', async () => (await stranger.page.getByRole('button', { name: /^Try again in/ }).innerText()) !== shown);

  step('whoever lives there still comes in: with a known browser, and by passkey anywhere');
  await signOut(tablet.page);
  await signIn(tablet.page, tomas);
  await unlock(tablet.page, t.key);
  await stranger.page.getByRole('button', exact('Use a passkey')).click();
  await unlock(stranger.page, t.key);
  await openConversation(stranger.page, 'general');
  const back = canary('Back by passkey');
  await say(stranger.page, back);
  await sees(n.page, back);
  await openSettings(t.page, 'Account security');
  await t.page.getByText('Your password was locked for a while').waitFor();
  await picture(t.page, '31-locked-news');

  step('new backup codes, and two-step codes off');
  await t.page.getByRole('button', exact('Manage two-step codes')).click();
  await picture(t.page, '40-two-step-manage');
  await t.page.getByRole('button', { name: /^Make new backup codes/ }).click();
  await t.page.getByRole('alertdialog').getByRole('button', exact('Make new codes')).click();
  const fresh = t.page.getByRole('alertdialog', exact('Your new backup codes'));
  await proving(t.page, tomas.password, fresh);
  const renewed = await fresh.getByRole('listitem').allInnerTexts();
  demand(renewed.length === 10 && !renewed.some((code) => codes.includes(code)), 'the new backup codes are not new');
  secrets.push(...renewed);
  await fresh.getByRole('checkbox').check();
  await fresh.getByRole('button', exact('Done')).click();
  await t.page.getByRole('button', exact('Manage two-step codes')).click();
  await t.page.getByRole('button', { name: /^Switch off/ }).click();
  await t.page.getByRole('alertdialog').getByRole('button', exact('Switch off')).click();
  await proving(t.page, tomas.password, toast(t.page, 'Two-step codes are off'));

  step('a passkey that was removed opens nothing');
  await t.page.getByRole('button', exact('Remove the passkey The blue phone')).click();
  await t.page.getByRole('alertdialog').getByRole('button', exact('Remove passkey')).click();
  await t.page.getByRole('button', exact('Rename the passkey The blue phone')).waitFor({ state: 'detached' });
  await signOut(t.page);
  await t.page.getByRole('button', exact('Use a passkey')).click();
  await complains(t.page);
  await picture(t.page, '41-passkey-removed');

  step('an admin ends the lock, and the password opens the door again');
  await openAdmin(n.page, 'People');
  await picture(n.page, '42-people-locked');
  await choose(n.page, tomas, 'End the lock by wrong guesses');
  await proving(n.page, nora.password, toast(n.page, 'Tomas Berg can try again.'));
  await signIn(t.page, tomas);
  await unlock(t.page, t.key);
  return { secrets, bytes };
});

function codeAsked(page) {
  return page.getByRole('heading', exact('Enter your code')).waitFor();
}
