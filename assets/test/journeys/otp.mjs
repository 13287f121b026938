// An authenticator app (RFC 6238) and a passkey holder, as somebody has them in the pocket.
import { createHmac } from 'node:crypto';
import { demand } from './browser.mjs';

const period = 30_000;

function fromBase32(text) {
  const bits = [...text].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

/** Makes codes from a typed secret. Each call answers a code that counts and was not used yet; it waits only when there is none. */
export class Authenticator {
  #last = 0;

  constructor(secret) {
    this.key = fromBase32(secret);
    demand(this.key.length >= 16, 'the secret is too short');
  }

  /** The code of a step, counted from 1970. */
  code(step) {
    const moving = Buffer.alloc(8);
    moving.writeBigUInt64BE(BigInt(step));
    const mac = createHmac('sha1', this.key).update(moving).digest();
    const number = mac.readUInt32BE(mac.at(-1) & 0xf) & 0x7fffffff;
    return String(number % 1_000_000).padStart(6, '0');
  }

  /** The place takes the code of a step either way, and each step once: so three in a row need no wait. */
  async next() {
    const now = () => Math.floor(Date.now() / period);
    const step = Math.max(this.#last + 1, now() - (Date.now() % period > period - 5000 ? 0 : 1));
    while (step > now() + 1) await new Promise((later) => setTimeout(later, 250));
    this.#last = step;
    return this.code(step);
  }

  /** A code of the right shape that is wrong for now. */
  wrong() {
    const step = Math.floor(Date.now() / period);
    const right = [-2, -1, 0, 1, 2].map((by) => this.code(step + by));
    return ['314159', '271828', '141421', '173205', '161803', '662607'].find((code) => !right.includes(code));
  }
}

/** Gives a page a device that holds passkeys and asks nobody (WebAuthn's virtual authenticator). */
export async function passkeyHolder({ context, page }, known = []) {
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  for (const credential of known) await devtools.send('WebAuthn.addCredential', { authenticatorId, credential });
  return { held: async () => (await devtools.send('WebAuthn.getCredentials', { authenticatorId })).credentials };
}
