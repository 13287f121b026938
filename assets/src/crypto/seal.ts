// Records are sealed before they reach IndexedDB, with an AES-GCM key that this browser holds and no script can export. It keeps casual
// copying and exported storage useless; it does not stop somebody who reads the whole disk, nor code running in this page (E2EE.md section 13).

/** A record as it lies in IndexedDB. */
export interface SealedRecord {
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly data: ArrayBuffer;
}

/** Makes the key of a new store. */
export function newSealKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

/** Seals and opens; where names the record (store and key), so that no record can stand in for another. */
export class Sealer {
  readonly #key: CryptoKey;

  constructor(key: CryptoKey) {
    this.#key = key;
  }

  async seal(where: string, plain: Uint8Array): Promise<SealedRecord> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const data = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(where) }, this.#key, plain as BufferSource);
    return { iv, data };
  }

  async open(where: string, record: SealedRecord): Promise<Uint8Array<ArrayBuffer>> {
    const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: record.iv, additionalData: utf8(where) }, this.#key, record.data);
    return new Uint8Array(plain);
  }

  sealJSON(where: string, value: unknown): Promise<SealedRecord> {
    return this.seal(where, utf8(JSON.stringify(value)));
  }

  async openJSON<T>(where: string, record: SealedRecord): Promise<T> {
    return JSON.parse(new TextDecoder().decode(await this.open(where, record))) as T;
  }
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
}
