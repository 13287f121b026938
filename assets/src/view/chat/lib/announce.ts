/** What a screen reader is told about new messages: politely, at most one sentence in two seconds, then only how many there were. */

/** Milliseconds between two announcements. */
export const PAUSE = 2000;

/** Collects what happened and says it in the right rhythm. say receives each sentence; later schedules, as setTimeout does. */
export class Announcer {
  #waiting: string[] = [];
  #quietUntil = 0;
  #scheduled = false;
  readonly #say: (sentence: string) => void;
  readonly #now: () => number;
  readonly #later: (run: () => void, ms: number) => void;

  constructor(say: (sentence: string) => void, now: () => number, later: (run: () => void, ms: number) => void) {
    this.#say = say;
    this.#now = now;
    this.#later = later;
  }

  /** A new message arrived; sentence is how it would be read on its own. */
  message(sentence: string): void {
    this.#waiting.push(sentence);
    if (this.#now() >= this.#quietUntil) this.#flush();
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#later(() => {
      this.#scheduled = false;
      this.#flush();
    }, this.#quietUntil - this.#now());
  }

  #flush(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    this.#say(this.#waiting.length === 1 ? first : `${String(this.#waiting.length)} new messages`);
    this.#waiting = [];
    this.#quietUntil = this.#now() + PAUSE;
  }
}
