import type { Failure } from '../model/types.ts';

/** A failure as it travels inside a program: an Error that reads as a Failure. status is 0 when no answer came. */
export class Fault extends Error implements Failure {
  readonly code: string;
  readonly field: string | null;
  readonly retryAfter: number | null;
  readonly status: number;

  constructor(code: string, message: string, more: { field?: string | null; retryAfter?: number | null; status?: number } = {}) {
    super(message);
    this.name = 'Fault';
    this.code = code;
    this.field = more.field ?? null;
    this.retryAfter = more.retryAfter ?? null;
    this.status = more.status ?? 0;
  }
}

/** The place did not answer: offline, asleep, or another network. */
export function unreachable(): Fault {
  return new Fault('offline', 'The place cannot be reached just now. Check the connection and try again.');
}

/** Whether waiting may cure it: nothing was decided about the request. */
export function passes(error: unknown): boolean {
  return error instanceof Fault && (error.status === 0 ? error.code === 'offline' : error.status >= 500 || error.status === 429);
}

/** The plain object that crosses between worker and tab; whatever was thrown becomes a sentence a person can act on. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Fault) return { code: error.code, message: error.message, field: error.field, retryAfter: error.retryAfter };
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return { code: error.code, message: error.message, field: null, retryAfter: null };
  }
  return { code: 'internal', message: 'Something went wrong in this browser. Reload the page and try again.', field: null, retryAfter: null };
}
