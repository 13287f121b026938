import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { toBase64 } from '../../src/net/base64.ts';
import { assertion, creation, creationOptions, passkeysWork, requestOptions } from '../../src/model/passkey.ts';

const buffer = (...bytes: number[]): ArrayBuffer => Uint8Array.from(bytes).buffer;
const spelled = (value: BufferSource): string => toBase64(new Uint8Array(value as ArrayBuffer));

function browser(credentials: object): void {
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { credentials } });
}
const refusing = (name: string) => ({ get: async () => Promise.reject(new DOMException('no', name)), create: async () => Promise.reject(new DOMException('no', name)) });

afterEach(() => void Reflect.deleteProperty(globalThis, 'PublicKeyCredential'));

test('what the place sends becomes what the browser takes, byte for byte, and the rest stays as it is', () => {
  const json = { challenge: '-_8', rpId: 'home.test', timeout: 60_000, userVerification: 'required', allowCredentials: [{ type: 'public-key', id: 'AAEC', transports: ['usb'] }] };
  const { challenge, allowCredentials, ...rest } = requestOptions(json);
  assert.equal(spelled(challenge), '-_8');
  assert.deepEqual(allowCredentials!.map(({ id, ...more }) => ({ ...more, id: spelled(id) })), json.allowCredentials);
  assert.deepEqual(rest, { rpId: 'home.test', timeout: 60_000, userVerification: 'required' });
});

test('options without a list of credentials have none', () => {
  assert.ok(!('allowCredentials' in requestOptions({ challenge: 'AAAA' })));
});

test('options to create a passkey', () => {
  const user = { id: 'AQID', name: 'ida', displayName: 'Ida' };
  const json = { challenge: 'AAAA', rp: { id: 'home.test', name: 'Home' }, user, pubKeyCredParams: [{ type: 'public-key', alg: -7 }], excludeCredentials: [{ type: 'public-key', id: 'BAUG' }] };
  const made = creationOptions(json);
  assert.equal(spelled(made.user.id), 'AQID');
  assert.equal(made.user.displayName, 'Ida');
  assert.deepEqual(made.excludeCredentials!.map((one) => spelled(one.id)), ['BAUG']);
  assert.deepEqual(made.pubKeyCredParams, json.pubKeyCredParams);
});

test('what the browser answers becomes what the place takes', async () => {
  const response = { clientDataJSON: buffer(1), authenticatorData: buffer(2), signature: buffer(3), userHandle: buffer(251, 255) };
  browser({ get: async () => ({ rawId: buffer(4), response }) });
  assert.deepEqual(await assertion({ ceremony: 'C', options: { challenge: 'AAAA' } }), {
    ceremony: 'C', id: 'BA', client_data: 'AQ', authenticator_data: 'Ag', signature: 'Aw', user_handle: '-_8',
  });
  const attested = { clientDataJSON: buffer(1), attestationObject: buffer(2), getTransports: () => ['internal', 'hybrid'] };
  browser({ create: async () => ({ rawId: buffer(4), response: attested }) });
  assert.deepEqual(await creation({ ceremony: 'C', options: { challenge: 'AAAA', user: { id: 'AQ' } } }, 'My phone'), {
    ceremony: 'C', name: 'My phone', id: 'BA', client_data: 'AQ', attestation_object: 'Ag', transports: ['internal', 'hybrid'],
  });
});

test('somebody who closes the dialog of the browser has not failed', async () => {
  const options = { ceremony: 'C', options: { challenge: 'AAAA', user: { id: 'AQ' } } };
  for (const name of ['NotAllowedError', 'AbortError']) {
    browser(refusing(name));
    assert.equal(await assertion(options), null);
    assert.equal(await creation(options, 'x'), null);
  }
});

test('what stops a passkey is said with what to do', async () => {
  const options = { ceremony: 'C', options: { challenge: 'AAAA', user: { id: 'AQ' } } };
  for (const [name, code] of [['InvalidStateError', 'passkey_known'], ['SecurityError', 'passkey_address'], ['UnknownError', 'passkey_failed']] as const) {
    browser(refusing(name));
    await assert.rejects(creation(options, 'x'), { code, field: null });
  }
});

test('passkeys need a browser that has them and an address with a name', () => {
  assert.equal(passkeysWork('home.test'), false);
  Object.assign(globalThis, { PublicKeyCredential: class {} });
  assert.equal(passkeysWork('home.test'), true);
  assert.equal(passkeysWork('localhost'), true);
  assert.equal(passkeysWork('192.168.1.20'), false);
  assert.equal(passkeysWork('[fe80::1]'), false);
});
