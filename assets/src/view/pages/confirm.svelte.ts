import { openDialog } from '../dialogs/open.svelte.ts';
import { asFailure, dismissed } from '../parts/failure.ts';

let asking: Promise<boolean> | null = null;

/** Opens the one dialog "Show that it is you". Answers whether it was shown; false when somebody closed it. */
export function showThatItIsYou(): Promise<boolean> {
  asking ??= new Promise<boolean>((answer) => openDialog({ kind: 'prove', answer })).finally(() => (asking = null));
  return asking;
}

/**
 * Runs an action of the model that wants a fresh confirmation (Account and Admin say which). When the place asks for it, the person is asked and
 * the action tried once more. Rejects with the failure dismissed, having changed nothing, when they close the question.
 */
export async function confirmed<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (asFailure(error).code !== 'confirm_first') throw error;
  }
  if (!(await showThatItIsYou())) throw dismissed;
  return action();
}
