import type { Change, Keystore } from '../../crypto/keystore.ts';
import type { ConvMeta, Kinds, News, Put } from '../news.ts';

type Maps = { [K in keyof Kinds]: Map<string, Kinds[K]> };

const kinds = ['user', 'presence', 'community', 'member', 'group', 'channel', 'dm', 'conv', 'notice'] as const;

/** Everything known but the messages: people, communities, conversations, notices. In memory, and on disk with the transaction that changed it. */
export class World {
  readonly #maps: Maps = {
    user: new Map(), presence: new Map(), community: new Map(), member: new Map(),
    group: new Map(), channel: new Map(), dm: new Map(), conv: new Map(), notice: new Map(),
  };
  readonly #store: Keystore;
  readonly #dirty = new Set<string>();
  #news: News[] = [];

  constructor(store: Keystore) {
    this.#store = store;
  }

  /** Takes what the disk holds; what memory had and the disk does not know is forgotten. */
  async load(): Promise<void> {
    for (const kind of kinds) if (kind !== 'presence') this.#maps[kind].clear();
    for (const { key, value } of await this.#store.world()) {
      const [kind, id] = split(key);
      (this.#maps[kind] as Map<string, unknown>).set(id, value);
    }
    this.#dirty.clear();
    this.#news = [];
  }

  get<K extends keyof Kinds>(kind: K, id: string): Kinds[K] | undefined {
    return this.#maps[kind].get(id);
  }

  all<K extends keyof Kinds>(kind: K): IterableIterator<Kinds[K]> {
    return this.#maps[kind].values();
  }

  ids(kind: keyof Kinds): string[] {
    return [...this.#maps[kind].keys()];
  }

  put<K extends keyof Kinds>(kind: K, id: string, value: Kinds[K]): void {
    this.#maps[kind].set(id, value);
    if (kind !== 'presence') this.#dirty.add(`${kind}/${id}`);
    this.#news.push({ t: 'put', kind, id, value } as Put);
  }

  drop(kind: keyof Kinds, id: string): void {
    if (!this.#maps[kind].delete(id)) return;
    if (kind !== 'presence') this.#dirty.add(`${kind}/${id}`);
    this.#news.push({ t: 'gone', kind, id });
  }

  /** What this device knows of a conversation, with its beginnings when it is new. */
  conv(id: string): ConvMeta {
    return (
      this.get('conv', id) ?? { id, readSeq: 0, readTold: true, unread: 0, mentions: 0, muted: false, draft: null, last: null, held: null }
    );
  }

  changeConv(id: string, change: Partial<ConvMeta>): void {
    this.put('conv', id, { ...this.conv(id), ...change });
  }

  /** What has to be written for what changed since the last call. */
  async changes(): Promise<Change[]> {
    const keys = [...this.#dirty];
    this.#dirty.clear();
    return Promise.all(
      keys.map(async (key): Promise<Change> => {
        const [kind, id] = split(key);
        const value = this.#maps[kind].get(id);
        return value === undefined ? { in: 'world', key } : { in: 'world', key, value: await this.#store.sealer.sealJSON(`world/${key}`, value) };
      }),
    );
  }

  /** What has to be told of what changed since the last call; empty while nothing did. */
  news(): News[] {
    const news = this.#news;
    this.#news = [];
    return news;
  }

  /** Everything, for a tab that has just come. */
  snapshot(): News[] {
    return kinds.flatMap((kind) => [...this.#maps[kind]].map(([id, value]) => ({ t: 'put', kind, id, value }) as Put));
  }

  /** The ids of all the people of a conversation, as the place lists them. */
  people(conv: string): string[] {
    const channel = this.get('channel', conv);
    if (channel !== undefined) return (channel.members ?? []).map((one) => one.user_id);
    const dm = this.get('dm', conv);
    return dm === undefined ? [] : [dm.peer.id];
  }
}

function split(key: string): [keyof Kinds, string] {
  const at = key.indexOf('/');
  return [key.slice(0, at) as keyof Kinds, key.slice(at + 1)];
}
