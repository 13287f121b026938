/** Counts seconds down while the place asks to wait. Works across a sleeping laptop, because it looks at the clock. */
export class Countdown {
  left = $state(0);

  /** seconds from now. */
  start(seconds: number): void {
    const end = Date.now() + seconds * 1000;
    const look = () => {
      this.left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      if (this.left > 0) setTimeout(look, 1000);
    };
    look();
  }

  /** "13:48" */
  get words(): string {
    return `${Math.floor(this.left / 60)}:${String(this.left % 60).padStart(2, '0')}`;
  }
}
