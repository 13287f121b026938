// Waiting between tries: doubling with full jitter, so that a place that comes back is not met by everyone at once.

import { Fault } from './failure.ts';

const first = 500;
const most = 30_000;

/** Milliseconds to wait before try number n (from 0); random is in [0, 1). At least a fifth of the step, at most all of it. */
export function delay(n: number, random: number): number {
  const step = Math.min(most, first * 2 ** Math.min(n, 16));
  return Math.round(step * (0.2 + 0.8 * random));
}

/** Milliseconds to wait after a failure that passes: as long as the place asks for and a little more, so that not all come at once; else by delay. */
export function pause(error: unknown, tries: number): number {
  const asked = error instanceof Fault ? error.retryAfter : null;
  return asked === null ? delay(tries, Math.random()) : asked * 1000 + delay(0, Math.random());
}

/** Sleeps, or wakes early when the signal fires; never throws. */
export function sleep(ms: number, wake?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (wake?.aborted === true) return resolve();
    const timer = setTimeout(done, ms);
    wake?.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      wake?.removeEventListener('abort', done);
      resolve();
    }
  });
}
