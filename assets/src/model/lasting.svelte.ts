/**
 * Makes something with $derived values in it that outlives whoever asked for it. Made while a component runs, they would belong to the component and
 * stop following when it goes, for instance while the settings lie over the chat.
 */
export function lasting<T>(make: () => T): T {
  let made: T | undefined;
  $effect.root(() => {
    made = make();
  });
  return made as T;
}
