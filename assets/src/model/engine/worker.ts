import { newId } from '../../net/base64.ts';
import { asFailure } from '../../net/failure.ts';
import { channelName, type Post } from '../news.ts';
import { actions } from './actions.ts';
import { Engine } from './engine.ts';

// The dedicated worker of one tab. Whichever tab's worker holds the lock is the engine of this browser: it alone has the keys, the database and
// the socket. The others sleep until the lock is free (their tabs talk to the engine over the BroadcastChannel, as its own tab does).

const lockName = 'e2ee-core';

self.onmessage = (event: MessageEvent<{ tab: string }>) => {
  const { tab } = event.data;
  void navigator.locks.request(lockName, () => serve(tab));
};

/** Runs the engine until this worker ends; the promise, and with it the lock, is held for good. */
function serve(tab: string): Promise<never> {
  const channel = new BroadcastChannel(channelName);
  const post = (message: Post): void => channel.postMessage(message);
  // The tab ends this worker and begins a new one, which waits for the lock like any other.
  const engine = new Engine(
    (news) => {
      if (news.length > 0) post({ to: 'all', news });
    },
    () => self.postMessage('halt'),
  );
  const known: Record<string, (...args: never[]) => unknown> = actions(engine);
  const run = newId();
  const hello = (): void => post({ to: 'all', hello: { tab, run } });

  channel.onmessage = async ({ data }: MessageEvent<Post>) => {
    if (data.to !== 'engine') return;
    if (data.method === 'who') return hello();
    const { tab: asking, id } = data;
    try {
      const action = Object.hasOwn(known, data.method) ? known[data.method] : undefined;
      if (action === undefined) throw new Error(`no action ${data.method}`);
      await engine.ready;
      const value = await action(...(data.args as never[]));
      post({ to: 'tab', tab: asking, id, value });
    } catch (error) {
      const failure = asFailure(error);
      if (failure.code === 'internal') console.error(data.method, error);
      post({ to: 'tab', tab: asking, id, failure });
    }
  };
  hello();
  engine.start().catch((error: unknown) => console.error('start', error));
  return new Promise<never>(() => undefined);
}
