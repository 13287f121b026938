import { newId } from '../../net/base64.ts';
import { asFailure } from '../../net/failure.ts';
import { channelName, type Post } from '../news.ts';
import { actions } from './actions.ts';
import { Engine } from './engine.ts';

// The dedicated worker of one tab. Whichever tab's worker holds the lock is the engine of this browser: it alone has the keys, the database and
// the socket. The others sleep until the lock is free (their tabs talk to the engine over the BroadcastChannel, as its own tab does), or until their
// tab says that the engine does not answer: browsers freeze tabs that nobody looks at, lock and all. Then it is taken away. Whoever has lost it
// ends, and could not commit anything any more before it did: the new engine has taken over the store (N27).

const lockName = 'e2ee-core';
let waiting: AbortController | null = null;

self.onmessage = ({ data: { tab, steal } }: MessageEvent<{ tab: string; steal: boolean }>) => {
  if (steal && waiting === null) return; // it is ours already
  waiting?.abort();
  const patience = new AbortController();
  waiting = patience;
  const turn = async (): Promise<never> => {
    waiting = null;
    return serve(tab);
  };
  navigator.locks.request(lockName, steal ? { steal } : { signal: patience.signal }, turn).catch(() => {
    if (!patience.signal.aborted) self.postMessage('halt');
  });
};

/** Runs the engine until this worker ends; the promise, and with it the lock, is held for good. */
function serve(tab: string): Promise<never> {
  const run = newId();
  const channel = new BroadcastChannel(channelName);
  const post = (message: Post): void => channel.postMessage(message);
  // The tab ends this worker and begins a new one, which waits for the lock like any other.
  const engine = new Engine(
    (news) => {
      if (news.length > 0) post({ to: 'all', run, news });
    },
    () => self.postMessage('halt'),
  );
  const known: Record<string, (...args: never[]) => unknown> = actions(engine);
  const hello = (): void => post({ to: 'all', run, hello: { tab } });

  channel.onmessage = async ({ data }: MessageEvent<Post>) => {
    if (data.to !== 'engine') return;
    if (data.method === 'who') return hello();
    const { tab: asking, id } = data;
    try {
      const action = Object.hasOwn(known, data.method) ? known[data.method] : undefined;
      if (action === undefined) throw new Error(`no action ${data.method}`);
      await engine.ready;
      const value = await action(...(data.args as never[]));
      post({ to: 'tab', run, tab: asking, id, value });
    } catch (error) {
      const failure = asFailure(error);
      if (failure.code === 'internal') console.error(data.method, error);
      post({ to: 'tab', run, tab: asking, id, failure });
    }
  };
  hello();
  engine.start().catch((error: unknown) => console.error('start', error));
  return new Promise<never>(() => undefined);
}
