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
  'previewReset', 'passkeyOptions', 'cancelSignIn', 'security', 'newPasskeyOptions', 'renamePasskey', 'sessions', 'checkRecoveryKey', 'dismissNotice',
  'adminOverview', 'adminUsers', 'adminInvites', 'adminAudit',
]);

/** How often a tab that follows makes sure that the engine is there, in milliseconds, and how many times in a row it may not be. */
const every = 5_000;
const silences = 2;

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
  #worker!: Worker;
  #here = false;
  #silent = 0;
  #owner: string | null = null;
  /** Engines that were: what a frozen one says when it wakes up is not heard any more. */
  readonly #past = new Set<string>();
  #next = 1;

  /** news is called for everything the engine tells; owned whenever there is a new engine, with whether it runs in this very tab. */
  constructor(news: (news: readonly News[]) => void, owned: (here: boolean) => void) {
    this.#news = news;
    this.#owned = owned;
    this.#channel.onmessage = ({ data }: MessageEvent<Post>) => this.#hear(data);
    this.#startWorker();
    this.#ask();
    setInterval(() => this.#watch(), every);
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
    worker.postMessage({ tab: this.#tab, steal: false });
    this.#worker = worker;
  }

  // An engine in a tab that the browser has frozen never answers. A tab that somebody looks at does not wait for it. Silences are counted and not
  // timed: after a sleep of the whole computer nobody has answered for hours, and everybody is there.
  #watch(): void {
    if (this.#here || document.visibilityState !== 'visible') {
      this.#silent = 0;
      return;
    }
    if (this.#silent++ < silences) return this.#ask();
    this.#silent = 0;
    this.#worker.postMessage({ tab: this.#tab, steal: true });
  }

  #ask(): void {
    this.#post({ to: 'engine', tab: this.#tab, id: 0, method: 'who', args: [] });
  }

  #hear(post: Post): void {
    if (post.to === 'engine' || this.#past.has(post.run)) return;
    this.#silent = 0;
    if (post.to === 'all' && 'hello' in post) return this.#follow(post.run, post.hello.tab === this.#tab);
    if (post.run !== this.#owner) return;
    if (post.to === 'all') this.#news(post.news);
    else if (post.tab === this.#tab) this.#answer(post);
  }

  #follow(run: string, here: boolean): void {
    if (this.#owner === run) return;
    const first = this.#owner === null;
    if (this.#owner !== null) this.#past.add(this.#owner);
    this.#owner = run;
    this.#here = here;
    this.#owned(here);
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
