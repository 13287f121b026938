import type { Room } from './ui.svelte.ts';

/** Which layout a width gets, in the same rem steps as the container queries of the style sheets. width in pixels. */
export function roomOf(width: number): Room {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
  if (width <= 40 * rem) return 'phone';
  return width < 64 * rem ? 'tablet' : 'desktop';
}
