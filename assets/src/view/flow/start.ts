/** Puts the focus into an input when its step opens, where that does not push a keyboard over half of the screen. */
export function startHere(input: HTMLElement): void {
  if (matchMedia('(pointer: fine)').matches) input.focus({ preventScroll: true });
}
