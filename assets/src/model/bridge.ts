import workerURL from './engine/worker.ts?worker&url';
import { newId } from '../net/base64.ts';
import type { Actions } from './engine/actions.ts';
import { channelName, type News, type Post } from './news.ts';
import type { Failure } from './types.ts';

interface Waiting {
  readonly post: Post;
  readonly again: boolean;
  resolve(value: never): void;
  reject(failure: Failure): void;
}

/** Asking twice does no harm: nothing changes, or the id in the arguments makes the second time the same as the first. */
const repeatable: ReadonlySet<string> = new Set([
  'snapshot', 'open', 'older', 'newer', 'around', 'read', 'typing', 'draft', 'mute', 'send', 'edit', 'remove', 'react', 'activity', 'check', 'network',
  'previewInvite', 'listInvites', 'openDM', 'safetyNumber', 'recoveryConfirmed', 'postponeRecovery', 'enterChat', 'joinChannel', 'changeName',
]);

const policy = globalThis.trustedTypes?.createPolicy('chatalot', { createScriptURL: ownScript });

// The one script that is ever started by its address: our own worker.
function ownScript(url: string): string {
  if (url !== workerURL) throw new TypeError('not our script');
  return url;
}

/** A tab's line to the engine of this browser, wherever it runs; follows it when it moves to another tab. */
export class Bridge {
  readonly #tab = newId();
  readonly #channel = new BroadcastChannel(channelName);
  readonly #waiting = new Map<number, Waiting>();
  readonly #news: (news: readonly News[]) => void;
  readonly #owned: (here: boolean) => void;
  #owner: string | null = null;
  #next = 1;

  /** news is called for everything the engine tells; owned whenever there is a new engine, with whether it runs in this very tab. */
  constructor(news: (news: readonly News[]) => void, owned: (here: boolean) => void) {
    this.#news = news;
    this.#owned = owned;
    this.#channel.onmessage = ({ data }: MessageEvent<Post>) => this.#hear(data);
    this.#startWorker();
    this.#post({ to: 'engine', tab: this.#tab, id: 0, method: 'who', args: [] });
  }

  /** Asks the engine. Rejects with a Failure. */
  call<K extends keyof Actions>(method: K, ...args: Parameters<Actions[K]>): ReturnType<Actions[K]> {
    const post: Post = { to: 'engine', tab: this.#tab, id: this.#next++, method, args };
    return new Promise((resolve, reject: (failure: Failure) => void) => {
      this.#waiting.set(post.id, { post, again: repeatable.has(method), resolve, reject });
      if (this.#owner !== null) this.#post(post);
    }) as ReturnType<Actions[K]>;
  }

  #startWorker(): void {
    const url = policy?.createScriptURL(workerURL) ?? workerURL;
    const worker = new Worker(url as string, { type: 'module', name: 'chatalot' });
    worker.onmessage = () => {
      worker.terminate();
      this.#startWorker();
    };
    worker.postMessage({ tab: this.#tab });
  }

  #hear(post: Post): void {
    if (post.to === 'tab' && post.tab === this.#tab) return this.#answer(post);
    if (post.to !== 'all') return;
    if ('news' in post) return this.#news(post.news);
    if (this.#owner === post.hello.run) return;
    const first = this.#owner === null;
    this.#owner = post.hello.run;
    this.#owned(post.hello.tab === this.#tab);
    for (const [id, one] of [...this.#waiting]) {
      if (first || one.again) this.#post(one.post);
      else {
        this.#waiting.delete(id);
        one.reject({ code: 'interrupted', message: 'The app was interrupted in the middle of this. See whether it happened, and try again if not.', field: null, retryAfter: null });
      }
    }
  }

  #answer(post: Extract<Post, { to: 'tab' }>): void {
    const waiting = this.#waiting.get(post.id);
    if (waiting === undefined) return;
    this.#waiting.delete(post.id);
    if ('failure' in post) waiting.reject(post.failure);
    else waiting.resolve(post.value as never);
  }

  #post(post: Post): void {
    this.#channel.postMessage(post);
  }
}
