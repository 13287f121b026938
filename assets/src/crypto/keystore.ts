import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { newId } from '../net/base64.ts';
import { Fault } from '../net/failure.ts';
import { newSealKey, Sealer, type SealedRecord } from './seal.ts';

/** A message as it lies here: what lists and counts need in the open, everything said in sealed. */
export interface MessageRecord {
  conv: string;
  id: string;
  /** Position in the conversation: the place's seq once it is known; before, a number above every seq. */
  order: number;
  /** 1 when it counts as unread for this person while it lies behind the read mark. */
  counts: 0 | 1;
  mentions: 0 | 1;
  sealed: SealedRecord;
}

/** Something that is to happen to a message that is not here yet. */
export interface EarlyRecord {
  conv: string;
  target: string;
  id: string;
  sealed: SealedRecord;
}

/** A message on its way out; n is the order in which it was written. */
export interface OutboxRecord {
  n: number;
  conv: string;
  id: string;
  sealed: SealedRecord;
}

interface Schema extends DBSchema {
  keys: { key: string; value: CryptoKey };
  state: { key: string; value: SealedRecord };
  meta: { key: string; value: number | string | SealedRecord };
  world: { key: string; value: SealedRecord };
  messages: { key: [string, string]; value: MessageRecord; indexes: { order: [string, number] } };
  early: { key: [string, string, string]; value: EarlyRecord };
  outbox: { key: number; value: OutboxRecord };
}

type StoreName = 'state' | 'meta' | 'world' | 'messages' | 'early' | 'outbox';

/** One change of the database; without a value the key is deleted. Stores whose records hold their own key take it from there. */
export type Change =
  | { in: 'state' | 'world'; key: string; value?: SealedRecord }
  | { in: 'meta'; key: string; value?: number | SealedRecord }
  | { in: 'messages'; key: [string, string]; value?: MessageRecord }
  | { in: 'early'; key: [string, string, string]; value?: EarlyRecord }
  | { in: 'outbox'; key: number; value?: OutboxRecord };

/** Thrown when another copy of this device's state has moved on or taken the store over: this one must stop (N27). */
export class StaleCopy extends Error {
  constructor() {
    super('another copy of this device has moved on');
    this.name = 'StaleCopy';
  }
}

/** Notes that outlive the keys of this device. */
const kept: readonly string[] = ['run', 'recovery', 'rekey', 'own-sessions'];

const own: readonly StoreName[] = ['messages', 'early', 'outbox'];

/** The database of one person on this browser. */
export class Keystore {
  readonly sealer: Sealer;
  readonly #db: IDBPDatabase<Schema>;
  readonly #run: string;
  readonly #replaced: () => void;

  private constructor(db: IDBPDatabase<Schema>, sealer: Sealer, run: string, replaced: () => void) {
    this.#db = db;
    this.sealer = sealer;
    this.#run = run;
    this.#replaced = replaced;
  }

  /**
   * Opens the person's database, making it and its key when this browser has none, and takes it over: whoever had it open before cannot commit any more.
   * replaced is called when that happens to this one, and when another page deletes the database.
   */
  static async open(user: string, replaced: () => void): Promise<Keystore> {
    const db = await openDB<Schema>(name(user), 1, {
      upgrade(db) {
        for (const store of ['keys', 'state', 'meta', 'world'] as const) db.createObjectStore(store);
        db.createObjectStore('messages', { keyPath: ['conv', 'id'] }).createIndex('order', ['conv', 'order']);
        db.createObjectStore('early', { keyPath: ['conv', 'target', 'id'] });
        db.createObjectStore('outbox', { keyPath: 'n' });
      },
      blocking: (_old, _new, event) => {
        (event.target as IDBDatabase).close();
        replaced();
      },
      terminated: replaced,
    });
    let key = await db.get('keys', 'seal');
    if (key === undefined) {
      key = await newSealKey();
      await db.put('keys', key, 'seal');
    }
    const run = newId();
    const tx = db.transaction('meta', 'readwrite', { durability: 'strict' });
    await Promise.all([tx.store.put(run, 'run'), tx.done]);
    return new Keystore(db, new Sealer(key), run, replaced);
  }

  /** Deletes everything this browser keeps of a person, the keys included. */
  static async erase(user: string): Promise<void> {
    await deleteDB(name(user));
  }

  close(): void {
    this.#db.close();
  }

  /** Forgets the keys of this device and how far it had read the log; what was said here stays, and a recovery key that nobody has confirmed. changes are committed with it. */
  async forgetDevice(changes: readonly Change[]): Promise<void> {
    const keys = await this.#db.getAllKeys('state');
    const notes = (await this.#db.getAllKeys('meta')).filter((key) => !kept.includes(key));
    await this.commit([...keys.map((key) => ({ in: 'state', key }) as const), ...notes.map((key) => ({ in: 'meta', key }) as const), ...changes], null, true);
  }

  /**
   * Commits changes in one transaction: all or none, and only while nobody else has taken the store over. gen, when there is one, must be one more
   * than what is stored. strict waits for the disk. Nothing but requests of the transaction itself is awaited inside, so that it cannot commit half-way.
   */
  async commit(changes: readonly Change[], gen: number | null, strict: boolean): Promise<void> {
    if (changes.length === 0 && gen === null) return;
    const stores = new Set<StoreName>(['meta', ...changes.map((change) => change.in)]);
    const tx = this.#db.transaction([...stores], 'readwrite', { durability: strict ? 'strict' : 'relaxed' });
    const done = tx.done.then(
      () => null,
      (error: unknown) => error,
    );
    const meta = tx.objectStore('meta');
    const [run, have] = await Promise.all([meta.get('run'), meta.get('gen')]);
    if (run !== this.#run || (gen !== null && (have ?? 0) !== gen - 1)) {
      tx.abort();
      await done;
      this.#replaced();
      throw new StaleCopy();
    }
    if (gen !== null) meta.put(gen, 'gen').catch(() => undefined); // the transaction as a whole reports it
    for (const change of changes) {
      const store = tx.objectStore(change.in) as unknown as { put(value: unknown, key?: unknown): Promise<unknown>; delete(key: unknown): Promise<void> };
      const request = change.value === undefined ? store.delete(change.key) : store.put(change.value, own.includes(change.in) ? undefined : change.key);
      request.catch(() => undefined);
    }
    const error = await done;
    if (error !== null) throw full(error);
  }

  /** The whole state of the cryptographic core, opened. */
  async state(): Promise<{ key: string; value: Uint8Array }[]> {
    const tx = this.#db.transaction('state');
    const [keys, values] = await Promise.all([tx.store.getAllKeys(), tx.store.getAll()]);
    return Promise.all(keys.map(async (key, i) => ({ key, value: await this.sealer.open(`state/${key}`, values[i] as SealedRecord) })));
  }

  async number(key: string): Promise<number | null> {
    const value = await this.#db.get('meta', key);
    return typeof value === 'number' ? value : null;
  }

  /** A small sealed value by name. */
  async note<T>(key: string): Promise<T | null> {
    const value = await this.#db.get('meta', key);
    return typeof value !== 'object' ? null : this.sealer.openJSON<T>(`meta/${key}`, value);
  }

  /** The change that sets (or, with null, removes) a small sealed value. */
  async noting(key: string, value: unknown): Promise<Change> {
    return value === null ? { in: 'meta', key } : { in: 'meta', key, value: await this.sealer.sealJSON(`meta/${key}`, value) };
  }

  /** Everything kept in the world store, opened. */
  async world(): Promise<{ key: string; value: unknown }[]> {
    const tx = this.#db.transaction('world');
    const [keys, values] = await Promise.all([tx.store.getAllKeys(), tx.store.getAll()]);
    return Promise.all(keys.map(async (key, i) => ({ key, value: await this.sealer.openJSON<unknown>(`world/${key}`, values[i] as SealedRecord) })));
  }

  outbox(): Promise<OutboxRecord[]> {
    return this.#db.getAll('outbox');
  }

  message(conv: string, id: string): Promise<MessageRecord | undefined> {
    return this.#db.get('messages', [conv, id]);
  }

  /** What waits for a message that has just come. */
  early(conv: string, target: string): Promise<EarlyRecord[]> {
    return this.#db.getAll('early', IDBKeyRange.bound([conv, target], [conv, target, []]));
  }

  /** Up to limit messages on one side of a position, the position itself left out, nearest first. */
  async messages(conv: string, from: number, side: 'older' | 'newer', limit: number): Promise<MessageRecord[]> {
    const older = side === 'older';
    const range = older ? IDBKeyRange.bound([conv, -Infinity], [conv, from], false, true) : IDBKeyRange.bound([conv, from], [conv, Infinity], true);
    const index = this.#db.transaction('messages').store.index('order');
    if (!older) return index.getAll(range, limit);
    const found: MessageRecord[] = [];
    for (let cursor = await index.openCursor(range, 'prev'); cursor !== null && found.length < limit; cursor = await cursor.continue()) {
      found.push(cursor.value);
    }
    return found;
  }

  /** How many messages lie behind a position and count as unread, and how many of them speak to this person. */
  async countAfter(conv: string, order: number): Promise<{ unread: number; mentions: number; first: string | null }> {
    const all = await this.#db.getAllFromIndex('messages', 'order', IDBKeyRange.bound([conv, order], [conv, Infinity], true));
    const counting = all.filter((one) => one.counts === 1);
    return { unread: counting.length, mentions: counting.filter((one) => one.mentions === 1).length, first: counting[0]?.id ?? null };
  }
}

const name = (user: string): string => `chatalot-${user}`;

// The one failure of the store that a person can do something about.
function full(error: unknown): unknown {
  if (error instanceof DOMException && error.name === 'QuotaExceededError') {
    return new Fault('storage_full', 'This browser has no room left to keep your messages. Free some space on the device, then try again.');
  }
  return error ?? new Error('transaction aborted');
}
