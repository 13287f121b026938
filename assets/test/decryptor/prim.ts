// SPEC.md section 2: keys, signatures, key derivation, boxes and padding.
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { Refused, ascii, join, little, refuse, same, type Bytes } from './bytes.ts';

const P = 2n ** 255n - 19n;
const hex = (text: string): bigint => little(new Uint8Array(Buffer.from(text, 'hex')));
const FEW = [0n, 1n, P - 1n];
const SMALL_X = [...FEW, hex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'), hex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157')];
const SMALL_ED = [...FEW, hex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'), hex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')];

/** hash is SHA-256 over the label and what follows (1.8). */
export const hash = (label: string, ...parts: Bytes[]): Bytes => sha256(join(ascii(label), ...parts));

/** xPublic refuses the X25519 public keys of 2.2 and returns the others. */
export function xPublic(key: Bytes): Bytes {
  refuse(key.length === 32 && little(key) < P && !SMALL_X.includes(little(key)), 'an X25519 key of 2.2');
  return key;
}

/** edPublic refuses the Ed25519 public keys of 2.3 and returns the others. */
export function edPublic(key: Bytes): Bytes {
  const y = little(key) & (2n ** 255n - 1n);
  refuse(key.length === 32 && y < P && !SMALL_ED.includes(y), 'an Ed25519 key of 2.3');
  return key;
}

/** kemPublic refuses the ML-KEM-768 public keys that fail FIPS 203 section 7.2: coefficients of 12 bits, 3329 or more. */
export function kemPublic(key: Bytes): Bytes {
  refuse(key.length === 1184, 'an ML-KEM key of another length');
  for (let i = 0; i < 1152; i += 3) {
    const three = key[i]! | (key[i + 1]! << 8) | (key[i + 2]! << 16);
    refuse((three & 0xfff) < 3329 && three >> 12 < 3329, 'an ML-KEM key outside the modulus');
  }
  return key;
}

/** verify refuses a signature over label || message that 2.3 refuses: no cofactor, unlike the library's own verify. */
export function verify(key: Bytes, label: string, message: Bytes, signature: Bytes): void {
  refuse(signed(edPublic(key), join(ascii(label), message), signature), 'the signature does not fit', 'bad_signature');
}

function signed(key: Bytes, message: Bytes, signature: Bytes): boolean {
  const { Point } = ed25519;
  const order = Point.Fn.ORDER;
  const [r, s] = [signature.slice(0, 32), little(signature.slice(32))];
  if (signature.length !== 64 || s >= order) return false;
  let a;
  try {
    a = Point.fromBytes(key);
  } catch {
    return false; // no point of the curve
  }
  const k = little(sha512(join(r, key, message))) % order;
  return same(Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes(), r);
}

export const edPublicOf = (seed: Bytes): Bytes => ed25519.getPublicKey(seed);
export const xPublicOf = (secret: Bytes): Bytes => x25519.getPublicKey(secret);
export const kemPublicOf = (seed: Bytes): Bytes => ml_kem768.keygen(seed).publicKey;

/** dh is an exchange of 2.2. The library throws on an all-zero result, which the checked keys cannot give. */
export const dh = (secret: Bytes, key: Bytes): Bytes => x25519.getSharedSecret(secret, xPublic(key));

export const encapsulate = (key: Bytes, random: Bytes): { cipherText: Bytes; sharedSecret: Bytes } => ml_kem768.encapsulate(kemPublic(key), random);
export const decapsulate = (seed: Bytes, ct: Bytes): Bytes => ml_kem768.decapsulate(ct, ml_kem768.keygen(seed).secretKey);

/** derive is Derive of 2.5; an empty salt is 32 zero bytes. */
export function derive(secret: Bytes, salt: Bytes | null, label: string, context: Bytes, n: number): Bytes {
  return hkdf(sha256, secret, salt ?? new Uint8Array(32), join(ascii(label), context), n);
}

/** Box is what 2.6 needs to open or seal, but for the plaintext. */
export type Box = { secret: Bytes; label: string; context?: Bytes; nonce: Bytes; ad: Bytes };

function keyOf({ secret, label, context }: Pick<Box, 'secret' | 'label' | 'context'>): { key: Bytes; commit: Bytes } {
  const both = derive(secret, null, label, context ?? new Uint8Array(), 64);
  return { key: both.slice(0, 32), commit: both.slice(32) };
}

/** commitOf is the commitment that stands in a box's header. */
export const commitOf = (secret: Bytes, label: string): Bytes => keyOf({ secret, label }).commit;

export const sealBox = (box: Box, plain: Bytes): Bytes => xchacha20poly1305(keyOf(box).key, box.nonce, box.ad).encrypt(plain);

/** openBox compares the commitment before it decrypts. */
export function openBox(box: Box, commit: Bytes, sealed: Bytes): Bytes {
  const own = keyOf(box);
  refuse(same(own.commit, commit), 'another commitment', 'commitment');
  refuse(sealed.length >= 16, 'a ciphertext without a tag');
  try {
    return xchacha20poly1305(own.key, box.nonce, box.ad).decrypt(sealed);
  } catch {
    throw new Refused('malformed', 'the ciphertext does not fit');
  }
}

/** unpad reverses Pad of 2.7 and refuses what is no result of it. */
export function unpad(padded: Bytes): Bytes {
  const end = padded.findLastIndex((one) => one !== 0);
  refuse(end >= 0 && padded[end] === 0x80, 'bad padding');
  refuse(padded.length === bucketOf(end), 'bad padding');
  return padded.slice(0, end);
}

/** bucketOf is the padded length of n bytes: the smallest bucket larger than n. */
function bucketOf(n: number): number {
  let bucket = 128;
  while (bucket <= n) bucket *= 2;
  refuse(bucket <= 65536, 'too long to pad');
  return bucket;
}
