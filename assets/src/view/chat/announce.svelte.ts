/** The one polite live region of the chat. */
import { Announcer } from './lib/announce.ts';

class Announce {
  /** What the live region says now. */
  said = $state('');
  readonly #announcer = new Announcer(
    (sentence) => (this.said = sentence),
    () => Date.now(),
    (run, ms) => setTimeout(run, ms),
  );

  /** A message of somebody else arrived in the open conversation. */
  message(sentence: string): void {
    this.#announcer.message(sentence);
  }

  /** Something one just did, said at once, e.g. how many suggestions there are. */
  now(sentence: string): void {
    this.said = sentence;
  }
}

export const announce = new Announce();
