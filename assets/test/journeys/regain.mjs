// Getting an account back and keeping others out: news of a new device, ending sessions, another password, and the recovery key when it is forgotten.
import { demand, desk, device, journey, picture, step, url } from './browser.mjs';
import { bytes, canary, complains, exact, inChat, join, keepNewKey, leavePages, openSettings, proving, secrets, setUp, signIn, toast, tomas, unlock, within } from './people.mjs';
import { message, openConversation, say, sees } from './screens.mjs';

const renamed = (words) => ({ ...tomas, password: canary(words) });
const signedOut = (page) => page.getByText('You were signed out here').waitFor();

async function recover(page, key, password) {
  await page.getByRole('button', exact('Use your recovery key')).click();
  await page.getByRole('heading', exact('Use your recovery key')).waitFor();
  await page.getByLabel('Sign-in name', { exact: true }).fill(tomas.username);
  await page.getByLabel('Recovery key', { exact: true }).fill(key);
  await page.getByLabel('New password', { exact: true }).fill(password);
}

journey(async () => {
  step('setting up, joining, a second browser');
  const n = await setUp();
  const t = await join(tomas, n.invite);
  const early = canary('From the first days');
  await say(n.page, early);
  await sees(t.page, early);
  const laptop = await device('tomas-laptop', desk);
  await laptop.page.goto(url);
  await signIn(laptop.page, tomas);
  await unlock(laptop.page, t.key);

  step('a new device is told of, until it is answered');
  const news = t.page.getByRole('button', { name: /A new device signed in/ });
  await news.waitFor();
  await picture(t.page, '01-news');
  await news.click();
  await t.page.getByRole('button', exact('It was not me')).first().click();
  await picture(t.page, '02-not-me');
  await t.page.getByRole('dialog').getByRole('button', exact('Later')).click();
  await picture(t.page, '03-security-news');
  while ((await t.page.getByRole('button', exact('It was me')).count()) > 0) await t.page.getByRole('button', exact('It was me')).first().click();
  await t.page.reload();
  await t.page.getByRole('heading', { level: 1, name: 'Account security' }).waitFor();
  await leavePages(t.page);
  await inChat(t.page);
  demand((await news.count()) === 0, 'news that was answered came back');

  step('the list of sessions, and the end of one');
  await openSettings(t.page, 'Devices');
  await t.page.getByText('This device', { exact: true }).waitFor();
  const end = t.page.getByRole('button', { name: /^Sign out (?!on this|everywhere)/ });
  await end.waitFor();
  demand((await end.count()) === 1, `there are ${await end.count()} other sessions`);
  await picture(t.page, '10-devices');
  await end.click();
  await t.page.getByRole('alertdialog').getByRole('button', exact('Sign out')).click();
  await proving(t.page, tomas.password, toast(t.page, 'is signed out'));
  await within(1000, 'signing the other browser out', Date.now(), () => signedOut(laptop.page));
  await picture(laptop.page, '11-signed-out');
  await signIn(laptop.page, tomas);
  await openConversation(laptop.page, 'general');

  step('another password: the other browser is out, this one keeps everything');
  const second = renamed('another lantern');
  await openSettings(t.page, 'Account security');
  await t.page.getByRole('button', exact('Change password')).click();
  await t.page.getByLabel('New password', { exact: true }).fill(second.password);
  await picture(t.page, '20-change-password');
  await t.page.getByRole('dialog').getByRole('button', exact('Change password')).click();
  await proving(t.page, tomas.password, toast(t.page, 'Your password is changed'));
  await signedOut(laptop.page);
  await leavePages(t.page);
  await sees(t.page, early);
  await signIn(laptop.page, tomas);
  await laptop.page.getByText('do not belong together').waitFor();
  await signIn(laptop.page, second);
  await openConversation(laptop.page, 'general');
  const talk = canary('With the new password');
  await say(laptop.page, talk);
  await sees(t.page, talk);
  await sees(n.page, talk);

  step('the password is forgotten: the recovery key brings it back, and is replaced');
  await t.context.clearCookies();
  await t.page.reload();
  await signedOut(t.page);
  const third = renamed('a third lantern');
  const old = t.key;
  await recover(t.page, 'AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA', third.password);
  await picture(t.page, '30-recover');
  await t.page.getByRole('button', exact('Set the new password')).click();
  await complains(t.page);
  await picture(t.page, '31-recover-wrong');
  await t.page.getByLabel('Recovery key', { exact: true }).fill(old);
  await t.page.getByRole('button', exact('Set the new password')).click();
  await t.page.getByRole('heading', exact('Your new recovery key')).waitFor();
  await picture(t.page, '32-new-key');
  await keepNewKey(t);
  demand(t.key !== old, 'the recovery key is still the old one');
  await signedOut(laptop.page);
  await openConversation(t.page, 'general');
  await sees(t.page, early);
  await sees(t.page, talk);

  step('the old key opens nothing any more, the new one does');
  const tablet = await device('tomas-tablet', desk);
  await tablet.page.goto(url);
  await recover(tablet.page, old, canary('a fourth lantern'));
  await tablet.page.getByRole('button', exact('Set the new password')).click();
  await complains(tablet.page);
  await tablet.page.getByRole('button', exact('Back to sign-in')).click();
  await signIn(tablet.page, third);
  await tablet.page.getByRole('heading', exact('Unlock your messages')).waitFor();
  await tablet.page.getByLabel('Recovery key', { exact: true }).fill(old);
  await tablet.page.getByRole('button', exact('Unlock')).click();
  await complains(tablet.page);
  await picture(tablet.page, '40-old-key');
  await unlock(tablet.page, t.key);
  await openConversation(tablet.page, 'general');
  const everywhere = canary('To all of your browsers');
  await say(n.page, everywhere);
  await sees(tablet.page, everywhere);
  await sees(t.page, everywhere);
  await signIn(laptop.page, third);
  await openConversation(laptop.page, 'general');
  await sees(laptop.page, everywhere);
  await sees(laptop.page, talk);
  const answer = canary('All three answer');
  await say(tablet.page, answer);
  await sees(n.page, answer);
  demand((await message(laptop.page, answer).count()) <= 1, 'a message is there twice');
  await sees(laptop.page, answer);

  step('a new recovery key from the settings, and a look whether the copy is right');
  await openSettings(t.page, 'Account security');
  await t.page.getByRole('button', exact('Make a new one')).click();
  await t.page.getByLabel('Your recovery key now', { exact: true }).fill(t.key);
  await picture(t.page, '50-make-key');
  await t.page.getByRole('button', exact('Make a new key')).click();
  await proving(t.page, third.password, t.page.getByRole('heading', exact('Your new recovery key')));
  const before = t.key;
  await keepNewKey(t);
  demand(t.key !== before, 'there is no new recovery key');
  await openSettings(t.page, 'Account security');
  for (const [key, says] of [[before, 'This is not your recovery key'], [t.key, 'That is your recovery key']]) {
    if (key === before) await t.page.getByRole('button', exact('Check it')).first().click();
    await t.page.getByRole('dialog').getByLabel('Recovery key', { exact: true }).fill(key);
    await t.page.getByRole('dialog').getByRole('button', exact('Check it')).click();
    await t.page.getByRole('dialog').getByText(says).waitFor();
  }
  await picture(t.page, '51-key-checked');
  return { secrets, bytes };
});
