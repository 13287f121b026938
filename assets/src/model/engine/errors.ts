import type { CoreError, CoreErrorCode } from '../../crypto/core.d.ts';
import { Fault } from '../../net/failure.ts';

/** The error of the core with this code (or any, without one); null for every other failure. */
export function coreError(error: unknown, code?: CoreErrorCode): CoreError | null {
  if (error instanceof Fault || !(error instanceof Error) || !('code' in error) || !('user' in error)) return null;
  return code === undefined || error.code === code ? (error as CoreError) : null;
}

/** Whether the place refused with one of these codes. */
export function refused(error: unknown, ...codes: readonly string[]): error is Fault {
  return error instanceof Fault && codes.includes(error.code);
}

/** A recovery key that cannot be one, or is another account's, as a failure of its input; every other failure as it is. */
export function mistyped(error: unknown): unknown {
  const wrong = coreError(error, 'recovery_code');
  return wrong === null ? error : new Fault(wrong.code, wrong.message, { field: 'recoveryKey' });
}
