import { tick } from 'svelte';
import type { Failure } from '../../model/types.ts';
import { Countdown } from './countdown.svelte.ts';
import { asFailure, isDismissed } from './failure.ts';

/** The state of one form: busy while an action runs, the failure of the last one, and which input it belongs to. */
export class Form {
  busy = $state(false);
  failure = $state<Failure | null>(null);
  /** Counts down while the place asks to wait; until then nothing is sent. */
  readonly wait = new Countdown();
  /** The names of the inputs this form has; a failure about any other is shown on the form itself. */
  readonly #fields: readonly string[];

  constructor(...fields: string[]) {
    this.#fields = fields;
  }

  /** The sentence to show at an input, or null. */
  at(field: string): string | null {
    return this.failure?.field === field ? this.failure.message : null;
  }

  /** The failure that belongs to no input of this form. */
  get general(): Failure | null {
    return this.failure !== null && !this.#fields.includes(this.failure.field ?? '') ? this.failure : null;
  }

  /** Complains about an input before the place is asked. */
  async complain(field: string, message: string): Promise<void> {
    this.failure = { code: 'hint', message, field, retryAfter: null };
    await focusInvalid();
  }

  /**
   * Runs the action once; afterwards the first input with an error has the focus. Answers whether it worked. blame says which input a
   * failure that names none is about, by its code.
   */
  async run(action: () => Promise<unknown>, blame: Readonly<Record<string, string>> = {}): Promise<boolean> {
    if (this.busy || this.wait.left > 0) return false;
    this.busy = true;
    this.failure = null;
    try {
      await action();
      return true;
    } catch (error) {
      this.#fail(error, blame);
      await focusInvalid();
      return false;
    } finally {
      this.busy = false;
    }
  }

  #fail(error: unknown, blame: Readonly<Record<string, string>>): void {
    const failure = asFailure(error);
    if (isDismissed(failure)) return;
    this.failure = failure.field === null ? { ...failure, field: blame[failure.code] ?? null } : failure;
    if (failure.retryAfter) this.wait.start(failure.retryAfter, () => (this.failure = null));
  }
}

async function focusInvalid(): Promise<void> {
  await tick();
  const scope = [...document.querySelectorAll('dialog:modal')].at(-1) ?? document;
  scope.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
