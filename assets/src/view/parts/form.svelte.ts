import { tick } from 'svelte';
import type { Failure } from '../../model/types.ts';
import { asFailure } from './failure.ts';

/** The state of one form: busy while an action runs, the failure of the last one, and which input it belongs to. */
export class Form {
  busy = $state(false);
  failure = $state<Failure | null>(null);
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

  /** Runs the action once; afterwards the first input with an error has the focus. Answers whether it worked. */
  async run(action: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.failure = null;
    try {
      await action();
      return true;
    } catch (error) {
      this.failure = asFailure(error);
      await focusInvalid();
      return false;
    } finally {
      this.busy = false;
    }
  }
}

async function focusInvalid(): Promise<void> {
  await tick();
  const scope = document.querySelector('dialog:modal:last-of-type') ?? document;
  scope.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
