// Byte strings as they stand in JSON: base64url without padding (RFC 4648 section 5), one spelling for one value.

/** Spells bytes. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Reads what toBase64 spelled; anything else throws a SyntaxError. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new SyntaxError('not base64url');
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  if (toBase64(bytes) !== text) throw new SyntaxError('not canonical base64url');
  return bytes;
}

/** A fresh random id of 16 bytes, spelled. */
export function newId(): string {
  return toBase64(crypto.getRandomValues(new Uint8Array(16)));
}
