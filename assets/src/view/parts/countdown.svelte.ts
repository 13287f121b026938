/** Counts seconds down while the place asks to wait. Works across a sleeping laptop, because it looks at the clock. */
export class Countdown {
  left = $state(0);
  #timer = 0;

  /** seconds from now; then runs once they are over. A later start takes the place of an earlier one. */
  start(seconds: number, then: () => void = () => undefined): void {
    const end = Date.now() + seconds * 1000;
    clearTimeout(this.#timer);
    const look = () => {
      this.left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      if (this.left > 0) this.#timer = window.setTimeout(look, 1000);
      else then();
    };
    look();
  }

  /** "13:48" */
  get words(): string {
    return `${Math.floor(this.left / 60)}:${String(this.left % 60).padStart(2, '0')}`;
  }
}
