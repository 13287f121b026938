/** Which keys people have. */
const apple = /mac|iphone|ipad/iu.test(navigator.userAgent);

/** How the key that stands for commands is written on the keyboard. */
export const commandKey = apple ? '⌘' : 'Ctrl';

/** Whether the key for commands is held: ⌘ on a Mac, Ctrl elsewhere. */
export function hasCommand(event: KeyboardEvent): boolean {
  return apple ? event.metaKey : event.ctrlKey;
}

/** Whether the key goes into something one writes in. */
export function inField(event: KeyboardEvent): boolean {
  return event.target instanceof HTMLElement && (event.target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(event.target.tagName));
}
