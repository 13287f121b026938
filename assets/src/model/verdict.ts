// What to do with a message that did not go out.

/** wait: nothing was decided, try again later with the same bytes. renew: read what is new, seal again. fail: a person has to decide. */
export type Verdict = 'wait' | 'renew' | 'fail';

const later: ReadonlySet<string> = new Set([
  'offline', 'too_many_requests', 'unavailable', 'unhealthy', 'internal', 'unauthorized', 'session_ended', 'not_set_up',
  'no_recipient', 'identity_changed', 'inactive_device', 'unknown_user', 'unknown_conversation', 'pending', 'random', 'storage_full',
]);

const stale: ReadonlySet<string> = new Set(['stale_epoch', 'bad_envelopes', 'need_bundles', 'forked_view']);

/** Judges a failure by its code and the HTTP status (0 when there was no answer); tries counts the failures before it in a row. */
export function verdict(code: string, status: number, tries: number): Verdict {
  if (stale.has(code)) return tries < 6 ? 'renew' : 'wait';
  if (later.has(code) || status >= 500 || status === 429) return 'wait';
  return 'fail';
}

/** Whether a request for keys may go out now, given when the earlier ones did: one an hour, five a day. */
export function mayAsk(earlier: readonly number[], now: number): boolean {
  const today = earlier.filter((at) => now - at < 86_400_000);
  return today.length < 5 && today.every((at) => now - at >= 3_600_000);
}
