// What comes over the wire until each first screen can be used, in browsers that have nothing of the app yet.
import { desk, device, journey, step, url } from './browser.mjs';
import { blocking, comeBack, ines, invitation, join, traffic } from './figures.mjs';

async function load(at, name, address, usable) {
  step(`first load: ${name}`);
  const ended = traffic(at);
  await at.page.goto(address);
  await usable(at.page).waitFor();
  return { name, files: await ended(), blocking: await blocking(at.page) };
}

journey(async () => {
  const stages = [
    await load(await device('stranger', desk), 'login', url, (page) => page.getByRole('button', { name: 'Sign in', exact: true })),
    await load(await device('guest', desk), 'join', invitation, (page) => page.getByRole('button', { name: /^Join / })),
  ];
  const member = await device('member', desk);
  await join(member.page, invitation, ines);
  stages.push(await load(await comeBack(member), 'chat', url, (page) => page.getByRole('textbox', { name: /^Message / })));
  return { stages };
});
