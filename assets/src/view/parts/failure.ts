import { app } from '../../model/app.svelte.ts';
import type { Failure } from '../../model/types.ts';

/** Somebody closed a question, or the browser's own about a passkey, without an answer: nothing happened, and nothing is said about it. */
export const dismissed: Failure = { code: 'cancelled', message: '', field: null, retryAfter: null };

/** Whether a failure is only that somebody changed their mind. */
export function isDismissed(failure: Failure): boolean {
  return failure.code === dismissed.code;
}

/** What an action of the model rejected with. Anything else is a defect of ours and is said as such, without losing what was typed. */
export function asFailure(error: unknown): Failure {
  if (typeof error === 'object' && error !== null && 'code' in error && 'message' in error && 'field' in error) return error as Failure;
  console.error(error);
  return {
    code: 'unexpected',
    message: 'Something unexpected happened in this browser. Reload the page and try again.',
    field: null,
    retryAfter: null,
  };
}

/** Runs an action for which there is no form: a failure becomes a toast that stays. Answers whether it worked. */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    const failure = asFailure(error);
    if (!isDismissed(failure)) app.toast(failure.message, null, 'danger');
    return false;
  }
}
