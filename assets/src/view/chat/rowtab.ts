import { getContext, setContext } from 'svelte';

const KEY = Symbol('row tab');

/** Messages are one tab stop: what can be pressed inside a message is reachable by Tab only in the one that holds the stop. */
export function setRowTab(current: () => boolean): void {
  setContext(KEY, current);
}

/** The tabindex of a control, as a function, because it changes while the row stays. Outside of a timeline always 0. */
export function rowTab(): () => 0 | -1 {
  const current = getContext<(() => boolean) | undefined>(KEY);
  return () => (current === undefined || current() ? 0 : -1);
}
