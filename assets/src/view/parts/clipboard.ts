import { app } from '../../model/app.svelte.ts';

/** Copies text and says so; when the browser forbids it, says what to do instead. */
export async function copyText(text: string, done: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    app.toast(done);
  } catch {
    app.toast('This browser does not allow copying here. Mark the text and copy it by hand.', null, 'danger');
  }
}
