// The ceremonies of WebAuthn, which browsers allow in a window only. The place speaks JSON with base64url where the browser speaks buffers.

import { fromBase64, toBase64 } from '../net/base64.ts';
import type { NewPasskey, PasskeyAssertion, PasskeyOptions } from '../net/wire.ts';
import type { Failure } from './types.ts';

/** Whether passkeys work in this browser at this address: browsers tie them to a name, and not to a bare IP address. */
export function passkeysWork(hostname = location.hostname): boolean {
  return 'PublicKeyCredential' in globalThis && !/^\[|^\d+(\.\d+){3}$/.test(hostname);
}

/** Asks for a passkey of this place; null when the person closed the browser's dialog. */
export async function assertion({ ceremony, options }: PasskeyOptions): Promise<PasskeyAssertion | null> {
  const found = await asked(() => navigator.credentials.get({ publicKey: requestOptions(options) }));
  if (found === null) return null;
  const { clientDataJSON, authenticatorData, signature, userHandle } = found.response as AuthenticatorAssertionResponse;
  return {
    ceremony, id: text(found.rawId), client_data: text(clientDataJSON), authenticator_data: text(authenticatorData), signature: text(signature),
    user_handle: text(userHandle ?? new ArrayBuffer(0)),
  };
}

/** Makes a passkey for this account; null when the person closed the browser's dialog. */
export async function creation({ ceremony, options }: PasskeyOptions, name: string): Promise<NewPasskey | null> {
  const made = await asked(() => navigator.credentials.create({ publicKey: creationOptions(options) }));
  if (made === null) return null;
  const response = made.response as AuthenticatorAttestationResponse;
  const transports = typeof response.getTransports === 'function' ? response.getTransports() : [];
  return { ceremony, name, id: text(made.rawId), client_data: text(response.clientDataJSON), attestation_object: text(response.attestationObject), transports };
}

/** What the place sent, as navigator.credentials.get takes it (WebAuthn Level 3, PublicKeyCredentialRequestOptionsJSON). */
export function requestOptions(json: Record<string, unknown>): PublicKeyCredentialRequestOptions {
  return { ...json, challenge: bytes(json['challenge']), ...descriptors('allowCredentials', json) };
}

/** What the place sent, as navigator.credentials.create takes it (WebAuthn Level 3, PublicKeyCredentialCreationOptionsJSON). */
export function creationOptions(json: Record<string, unknown>): PublicKeyCredentialCreationOptions {
  const user = json['user'] as Record<string, unknown>;
  return {
    ...(json as unknown as PublicKeyCredentialCreationOptions),
    challenge: bytes(json['challenge']),
    user: { ...(user as unknown as PublicKeyCredentialUserEntity), id: bytes(user['id']) },
    ...descriptors('excludeCredentials', json),
  };
}

function descriptors(name: string, json: Record<string, unknown>): Record<string, PublicKeyCredentialDescriptor[]> {
  const list = json[name];
  if (!Array.isArray(list)) return {};
  return { [name]: (list as Record<string, unknown>[]).map((one) => ({ ...(one as unknown as PublicKeyCredentialDescriptor), id: bytes(one['id']) })) };
}

// A person who changes their mind is no failure; nor is a browser that gave up waiting for them.
async function asked(ceremony: () => Promise<Credential | null>): Promise<PublicKeyCredential | null> {
  try {
    return (await ceremony()) as PublicKeyCredential | null;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    if (name === 'NotAllowedError' || name === 'AbortError') return null;
    if (name === 'InvalidStateError') throw failure('passkey_known', 'This device holds a passkey for your account already. Use that one, or another device.');
    if (name === 'SecurityError') throw failure('passkey_address', 'Passkeys do not work at this address. Open the place by its own name.');
    throw failure('passkey_failed', 'The passkey could not be used just now. Try again, or use your password.');
  }
}

function failure(code: string, message: string): Failure {
  return { code, message, field: null, retryAfter: null };
}

function bytes(value: unknown): ArrayBuffer {
  return fromBase64(String(value)).buffer;
}

function text(buffer: ArrayBuffer): string {
  return toBase64(new Uint8Array(buffer));
}
