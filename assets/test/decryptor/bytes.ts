// Bytes as SPEC.md sections 1.2 to 1.7 lay them out. The whole folder is written from that page alone, and serves tests only.
import { concatBytes, equalBytes } from '@noble/ciphers/utils.js';

export { concatBytes as join, equalBytes as same };

export type Bytes = Uint8Array;

/** Refused is thrown for input that the page says to refuse; any other error is a defect of this code. */
export class Refused extends Error {
  constructor(readonly code: string, why: string) {
    super(`${code}: ${why}`);
  }
}

/** refuse throws unless the claim holds. */
export function refuse(unless: boolean, why: string, code = 'malformed'): asserts unless {
  if (!unless) throw new Refused(code, why);
}

/** ascii is the bytes of a label; its zero byte is written out as \0. */
export const ascii = (text: string): Bytes => new TextEncoder().encode(text);

/** uint is n as a big-endian integer of that many bytes. */
export function uint(n: number, size: 1 | 2 | 4 | 8): Bytes {
  const out = new Uint8Array(size);
  for (let at = size - 1, rest = n; at >= 0; at--, rest = Math.floor(rest / 256)) out[at] = rest % 256;
  return out;
}

export const zero = (b: Bytes): boolean => b.every((one) => one === 0);

/** order compares byte strings as the page does wherever it says ascending, lower or higher. */
export const order = (a: Bytes, b: Bytes): number => Buffer.compare(a, b);

/** text is the canonical base64url of 1.7, good as a key of a Map too. */
export const text = (b: Bytes): string => Buffer.from(b).toString('base64url');

/** bytes reads the canonical base64url of 1.7. */
export function bytes(from: string): Bytes {
  const out = new Uint8Array(Buffer.from(from, 'base64url'));
  refuse(text(out) === from, 'not canonical base64url');
  return out;
}

/** little is the little-endian number in b. */
export const little = (b: Bytes): bigint => BigInt('0x' + Buffer.from(b).reverse().toString('hex'));

/** Reader takes a structure apart, field by field, and refuses what is missing, too large or left over. */
export class Reader {
  #at = 0;
  constructor(readonly all: Bytes) {}

  /** read runs one parser over all of the bytes, after the version byte. */
  static read<T>(all: Bytes, parser: (from: Reader) => T): T {
    const from = new Reader(all);
    refuse(from.u8() === 1, 'another version', 'version');
    const parsed = parser(from);
    refuse(from.#at === all.length, 'bytes are left over');
    return parsed;
  }

  take(n: number): Bytes {
    refuse(n <= this.all.length - this.#at, 'bytes are missing');
    return this.all.slice(this.#at, (this.#at += n));
  }

  /** before is everything read so far: a header, or what a signature covers. */
  before(): Bytes {
    return this.all.slice(0, this.#at);
  }

  #uint(size: number): number {
    const n = this.take(size).reduce((sum, one) => sum * 256 + one, 0);
    refuse(n <= Number.MAX_SAFE_INTEGER, 'an integer above 2^53 - 1');
    return n;
  }

  u8 = (): number => this.#uint(1);
  u16 = (): number => this.#uint(2);
  u32 = (): number => this.#uint(4);
  u64 = (): number => this.#uint(8);

  bool(): boolean {
    const n = this.u8();
    refuse(n <= 1, 'a boolean above 1');
    return n === 1;
  }

  id(): Bytes {
    const id = this.take(16);
    refuse(!zero(id), 'an id of zeros');
    return id;
  }

  suite(): void {
    refuse(this.u8() === 1, 'another suite', 'version');
  }

  var(max = this.all.length): Bytes {
    const n = this.u32();
    refuse(n <= max, 'a field too long');
    return this.take(n);
  }

  list<T>(max: number, item: () => T): T[] {
    const n = this.u16();
    refuse(n <= max, 'a list too long');
    return Array.from({ length: n }, item);
  }
}

/** ascending refuses a list whose keys do not strictly ascend. */
export function ascending(keys: readonly Bytes[]): void {
  refuse(keys.every((key, i) => i === 0 || order(keys[i - 1]!, key) < 0), 'not strictly ascending');
}
