// As much of IndexedDB, in memory, as the keystore uses: transactions one after the other, all or nothing, over while nothing more is asked of them.

type Key = string | number | Key[];
type Rows = Map<string, { key: Key; value: unknown }>;
interface Shape {
  readonly keyPath: string[] | string | null;
  readonly rows: Rows;
  readonly indexes: Map<string, string[]>;
}

class Emitter {
  readonly #listeners = new Map<string, Set<(event: { type: string; target: unknown }) => void>>();

  addEventListener(type: string, listener: (event: { type: string; target: unknown }) => void): void {
    this.#listeners.set(type, (this.#listeners.get(type) ?? new Set()).add(listener));
  }
  removeEventListener(type: string, listener: (event: { type: string; target: unknown }) => void): void {
    this.#listeners.get(type)?.delete(listener);
  }
  emit(type: string, more: object = {}): void {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener({ type, target: this, ...more });
  }
}

class IDBRequest extends Emitter {
  result: unknown = undefined;
  error: unknown = null;
  source: unknown = null;
  transaction: unknown = null;
}

class IDBOpenDBRequest extends IDBRequest {}

function compare(a: Key, b: Key): number {
  const rank = (key: Key): number => (Array.isArray(key) ? 3 : typeof key === 'string' ? 2 : 1);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (!Array.isArray(a) || !Array.isArray(b)) return a < b ? -1 : a > b ? 1 : 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compare(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

class IDBKeyRange {
  constructor(readonly lower: Key, readonly upper: Key, readonly lowerOpen: boolean, readonly upperOpen: boolean) {}

  static bound(lower: Key, upper: Key, lowerOpen = false, upperOpen = false): IDBKeyRange {
    return new IDBKeyRange(lower, upper, lowerOpen, upperOpen);
  }
  has(key: Key): boolean {
    const [low, high] = [compare(key, this.lower), compare(key, this.upper)];
    return (this.lowerOpen ? low > 0 : low >= 0) && (this.upperOpen ? high < 0 : high <= 0);
  }
}

class IDBCursor {
  #at = 0;
  constructor(readonly found: readonly { key: Key; value: unknown }[], readonly request: IDBRequest, readonly transaction: IDBTransaction) {}

  get value(): unknown {
    return structuredClone(this.found[this.#at]!.value);
  }
  get key(): Key {
    return this.found[this.#at]!.key;
  }
  advance(): void {
    this.continue();
  }
  continuePrimaryKey(): void {
    this.continue();
  }
  continue(): void {
    this.transaction.ask(() => (++this.#at < this.found.length ? this : null), this.request);
  }
}

function at(value: unknown, path: readonly string[]): Key {
  return path.map((name) => (value as Record<string, Key>)[name]!);
}

class IDBIndex {
  constructor(readonly objectStore: IDBObjectStore, readonly path: readonly string[]) {}

  #found(range?: IDBKeyRange): { key: Key; value: unknown }[] {
    const all = [...this.objectStore.shape.rows.values()].map(({ value }) => ({ key: at(value, this.path), value }));
    return all.filter(({ key }) => range === undefined || range.has(key)).sort((a, b) => compare(a.key, b.key));
  }
  getAll(range?: IDBKeyRange, limit = Infinity): IDBRequest {
    return this.objectStore.transaction.ask(() => this.#found(range).slice(0, limit).map(({ value }) => structuredClone(value)));
  }
  openCursor(range?: IDBKeyRange, direction = 'next'): IDBRequest {
    const { transaction } = this.objectStore;
    const request = new IDBRequest();
    return transaction.ask(() => {
      const found = this.#found(range);
      if (direction === 'prev') found.reverse();
      return found.length === 0 ? null : new IDBCursor(found, request, transaction);
    }, request);
  }
}

class IDBObjectStore {
  constructor(readonly name: string, readonly shape: Shape, readonly transaction: IDBTransaction) {}

  createIndex(name: string, path: string[]): IDBIndex {
    this.shape.indexes.set(name, path);
    return this.index(name);
  }
  index(name: string): IDBIndex {
    return new IDBIndex(this, this.shape.indexes.get(name)!);
  }
  #sorted(range?: IDBKeyRange): { key: Key; value: unknown }[] {
    return [...this.shape.rows.values()].filter(({ key }) => range === undefined || range.has(key)).sort((a, b) => compare(a.key, b.key));
  }
  get(key: Key): IDBRequest {
    return this.transaction.ask(() => clone(this.shape.rows.get(JSON.stringify(key))?.value));
  }
  getAll(range?: IDBKeyRange): IDBRequest {
    return this.transaction.ask(() => this.#sorted(range).map(({ value }) => clone(value)));
  }
  getAllKeys(range?: IDBKeyRange): IDBRequest {
    return this.transaction.ask(() => this.#sorted(range).map(({ key }) => key));
  }
  put(value: unknown, key?: Key): IDBRequest {
    const kept = clone(value);
    const { keyPath } = this.shape;
    const under = keyPath === null ? key! : typeof keyPath === 'string' ? at(kept, [keyPath])[0 as never] : at(kept, keyPath);
    return this.transaction.write(this.shape.rows, JSON.stringify(under), { key: under, value: kept });
  }
  delete(key: Key): IDBRequest {
    return this.transaction.write(this.shape.rows, JSON.stringify(key), null);
  }
}

function clone(value: unknown): unknown {
  return value instanceof CryptoKey ? value : structuredClone(value);
}

class IDBTransaction extends Emitter {
  error: unknown = null;
  readonly #asked: { work: () => unknown; request: IDBRequest }[] = [];
  readonly #undo: (() => void)[] = [];
  #over = false;
  readonly finished: Promise<void>;
  #finish!: () => void;

  constructor(readonly db: IDBDatabase, readonly objectStoreNames: readonly string[]) {
    super();
    this.finished = new Promise((resolve) => (this.#finish = resolve));
  }
  objectStore(name: string): IDBObjectStore {
    return new IDBObjectStore(name, this.db.shape.get(name)!, this);
  }
  ask(work: () => unknown, request = new IDBRequest()): IDBRequest {
    if (this.#over) throw new DOMException('the transaction is over', 'TransactionInactiveError');
    request.transaction = this;
    this.#asked.push({ work, request });
    return request;
  }
  write(rows: Rows, key: string, row: { key: Key; value: unknown } | null): IDBRequest {
    return this.ask(() => {
      const before = rows.get(key);
      this.#undo.push(() => void (before === undefined ? rows.delete(key) : rows.set(key, before)));
      if (row === null) rows.delete(key);
      else rows.set(key, row);
      return undefined;
    });
  }
  abort(): void {
    if (this.#over) return;
    this.#over = true;
    for (const undo of this.#undo.reverse()) undo();
    for (const { request } of this.#asked.splice(0)) {
      request.error = new DOMException('aborted', 'AbortError');
      request.emit('error');
    }
    this.emit('abort');
    this.#finish();
  }
  run(): void {
    const step = (): void => {
      if (this.#over) return;
      const next = this.#asked.shift();
      if (next === undefined) {
        this.#over = true;
        this.emit('complete');
        return this.#finish();
      }
      next.request.result = next.work();
      next.request.emit('success');
      setImmediate(step);
    };
    setImmediate(step);
  }
}

type Stores = Map<string, Shape>;

class IDBDatabase extends Emitter {
  closed = false;
  constructor(readonly name: string, readonly shape: Stores, readonly queue: { last: Promise<void> }) {
    super();
  }
  get objectStoreNames(): string[] {
    return [...this.shape.keys()];
  }
  createObjectStore(name: string, options: { keyPath?: string | string[] } = {}): IDBObjectStore {
    this.shape.set(name, { keyPath: options.keyPath ?? null, rows: new Map(), indexes: new Map() });
    return new IDBObjectStore(name, this.shape.get(name)!, new IDBTransaction(this, [name]));
  }
  transaction(names: string | string[]): IDBTransaction {
    if (this.closed) throw new DOMException('the database is closed', 'InvalidStateError');
    const tx = new IDBTransaction(this, [names].flat());
    const { last } = this.queue;
    this.queue.last = last.then(() => (tx.run(), tx.finished));
    return tx;
  }
  close(): void {
    this.closed = true;
  }
}

/** Puts an empty IndexedDB into the global scope, and returns the names of what it holds. */
export function installIndexedDB(): () => string[] {
  const databases = new Map<string, { shape: Stores; queue: { last: Promise<void> } }>();
  const indexedDB = {
    open(name: string): IDBOpenDBRequest {
      const request = new IDBOpenDBRequest();
      setImmediate(() => {
        const fresh = !databases.has(name);
        const kept = databases.get(name) ?? { shape: new Map() as Stores, queue: { last: Promise.resolve() } };
        databases.set(name, kept);
        const db = new IDBDatabase(name, kept.shape, kept.queue);
        request.result = db;
        request.transaction = new IDBTransaction(db, []);
        if (fresh) request.emit('upgradeneeded', { oldVersion: 0, newVersion: 1 });
        request.emit('success');
      });
      return request;
    },
    deleteDatabase(name: string): IDBOpenDBRequest {
      const request = new IDBOpenDBRequest();
      setImmediate(() => {
        databases.delete(name);
        request.emit('success');
      });
      return request;
    },
  };
  Object.assign(globalThis, { indexedDB, IDBRequest, IDBOpenDBRequest, IDBKeyRange, IDBCursor, IDBIndex, IDBObjectStore, IDBTransaction, IDBDatabase });
  return () => [...databases.keys()];
}
